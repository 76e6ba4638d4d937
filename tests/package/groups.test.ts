import test from 'ava';
import { refuseEmptyMembers } from '../../packaging/bundle.ts';

test('a group of the bundle whose file is not in it any more fails the build by name', t => {
  const member = (name: string) => ({ name, has: (module: string) => module === name });
  const groups = [
    { name: 'early', members: [member('cli/run.ts')] },
    { name: 'late', members: [member('cli/program.ts'), member('cli/renamed.ts')] },
  ];
  const modules = ['cli/run.ts', 'cli/program.ts', 'cli/renamed.ts', 'cli/other.ts'];
  t.notThrows(() => refuseEmptyMembers(groups, modules));
  const left = modules.filter(module => module !== 'cli/renamed.ts');
  t.throws(() => refuseEmptyMembers(groups, left), { message: /"late" .*: cli\/renamed\.ts$/ });
});
