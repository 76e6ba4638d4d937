import test from 'ava';
import { compile } from '../../control-plane/compose/compile.ts';
import { rehearse } from '../../control-plane/compose/rehearse.ts';

test('the project that is compiled for nothing goes all the way through the compiler', t => {
  t.plan(3);
  rehearse((...given) => {
    const compiled = compile(...given);
    t.deepEqual([compiled.errors, compiled.warnings], [[], []]);
    t.deepEqual(
      compiled.specs.map(({ name, port, replicas }) => ({ name, port, replicas: replicas.initial })),
      [{ name: 'model', port: 80, replicas: 1 }],
    );
    t.is(compiled.specs[0]?.environment['THREADS'], '1');
    return compiled;
  });
});
