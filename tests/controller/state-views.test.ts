import test from 'ava';
import { DesiredState } from '../../control-plane/controller/desired-state.ts';
import { DEFAULT_NODE_POLICY } from '../../control-plane/core/node.ts';
import type { Service } from '../../control-plane/core/service.ts';
import { StateViews } from '../../control-plane/views/state-views.ts';
import type { ServiceView } from '../../control-plane/views/views.ts';
import { aNode, seen } from '../core/replicas.ts';
import { aSpec } from '../core/specs.ts';

function aService(name: string): Service {
  return {
    key: `ns/${name}`,
    spec: aSpec({ name }),
    imageId: null,
    generation: 1,
    latestGeneration: 1,
    replicas: 1,
    acceptedAt: 0,
    createdBy: '',
    askedBy: '',
    removal: null,
    origin: '',
    rollout: { kind: 'settled' },
  };
}

const MOMENT = {
  now: 1_000_000,
  policy: DEFAULT_NODE_POLICY,
  isLeftAlone: () => false,
  shown: (view: ServiceView) => view,
};

test('views are made once, when they are asked for, and made anew after a change', t => {
  let looks = 0;
  let cpus = 1;
  const views = new StateViews(() => {
    looks += 1;
    const state = DesiredState.from({ services: [], replicas: [], nodes: [], generations: [] });
    return { ...MOMENT, state, observed: seen({ nodes: [aNode({ cpus })] }) };
  });
  t.is(looks, 0);
  const [services, nodes] = [views.services(), views.nodes()];
  t.is(views.services(), services);
  t.is(views.nodes(), nodes);
  t.is(looks, 2);
  t.true(Object.isFrozen(services) && Object.isFrozen(nodes));
  cpus = 2;
  t.is(views.nodes()[0]?.cpus, 1);
  views.changed();
  t.is(views.nodes()[0]?.cpus, 2);
});

test('a service of which nothing that is shown has changed stays the same object, and so does a list of such', t => {
  const of = (name: string, message: string) => ({ namespace: 'ns', name, message }) as ServiceView;
  let messages = ['waits', 'waits'];
  const state = DesiredState.from({
    services: ['a', 'b'].map(aService),
    replicas: [],
    nodes: [],
    generations: [],
  });
  const shown = ({ name }: ServiceView) => of(name, messages[name === 'a' ? 0 : 1] ?? '');
  const views = new StateViews(() => ({ ...MOMENT, shown, state, observed: seen() }));
  const first = views.services();
  t.deepEqual(first, [of('a', 'waits'), of('b', 'waits')]);
  views.changed();
  t.is(views.services(), first);
  messages = ['waits', 'is ready'];
  views.changed();
  const second = views.services();
  t.is(second[0], first[0]);
  t.deepEqual(second[1], of('b', 'is ready'));
  messages = ['waits', 'waits'];
  views.changed();
  t.deepEqual(views.services(), first);
});

test('listeners are told of each change until they leave, and find the new state', t => {
  let cpus = 1;
  const state = DesiredState.from({ services: [], replicas: [], nodes: [], generations: [] });
  const views = new StateViews(() => ({ ...MOMENT, state, observed: seen({ nodes: [aNode({ cpus })] }) }));
  views.nodes();
  const found: (number | undefined)[] = [];
  const leave = views.onChange(() => found.push(views.nodes()[0]?.cpus));
  cpus = 2;
  views.changed();
  cpus = 3;
  views.changed();
  leave();
  views.changed();
  t.deepEqual(found, [2, 3]);
});
