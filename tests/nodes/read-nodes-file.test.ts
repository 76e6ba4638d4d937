import test from 'ava';
import fc from 'fast-check';
import { readNodesFile } from '../../control-plane/nodes/read-nodes-file.ts';
import { textExcess } from '../../control-plane/nodes/text-excess.ts';
import { formatLocated } from '../../control-plane/written-files/format-located.ts';

const GIB = 1024 ** 3;

function problemsOf(text: string): readonly string[] {
  const reading = readNodesFile('/etc/outrigger/nodes.yaml', text);
  if (reading.kind === 'read') return [];
  return reading.problems.map(p => formatLocated(p, { cwd: '/etc/outrigger' }));
}

test('every key is read, with its defaults', t => {
  const reading = readNodesFile(
    'nodes.yaml',
    `
lost_after: 45s
nodes:
  near: {engine: unix:///var/run/docker.sock}
  far:
    engine: tcp://10.0.0.5:2376
    tls: {ca: ca.pem, cert: cert.pem, key: key.pem}
    address: gpu-5.example
    reach: published
    publish_on: 10.0.0.5
    labels: {zone: a, ssd: true, rack: 7}
    reserved: {cpus: 1.5, memory: 2g}
    devices: [{id: "nvidia.com/gpu=0", model: H100, memory: 80GiB, uuid: GPU-1}]
    gpu_probe_image: cuda:12
  lab: {context: lab}
`,
  );
  if (reading.kind !== 'read') return t.fail(JSON.stringify(reading.problems));
  const { nodes, ...policy } = reading.content;
  t.deepEqual(policy, { lost_after: 45_000, replace_after: 60_000, quarantine: 600_000 });
  t.deepEqual(nodes['near'], {
    engine: 'unix:///var/run/docker.sock',
    labels: {},
    reserved: { cpus: 0, memory: 0 },
  });
  t.like(nodes['far'], {
    labels: { zone: 'a', ssd: 'true', rack: '7' },
    reserved: { cpus: 1.5, memory: 2 * GIB },
    devices: [{ id: 'nvidia.com/gpu=0', model: 'H100', memory: 80 * GIB, uuid: 'GPU-1' }],
  });
  t.deepEqual(reading.warnings, []);
});

test('JSON is read as well, and anchors with merges', t => {
  t.deepEqual(problemsOf('{"nodes": {"a": {"context": "lab"}}}'), []);
  t.deepEqual(problemsOf('nodes:\n  a: &a {engine: ssh://a, reserved: {cpus: 1}}\n  b: {<<: *a, engine: ssh://b}'), []);
});

test('a node or a label of a name that no object keeps is refused instead of lost', t => {
  const said = 'expected another name: this one means something to JavaScript and would be lost';
  t.deepEqual(problemsOf('nodes:\n  a: {engine: ssh://a}\n  __proto__: {engine: ssh://b}'), [
    `nodes.yaml:3:3: nodes.__proto__: ${said}`,
  ]);
  t.deepEqual(problemsOf('nodes:\n  a: {engine: ssh://a, labels: {__proto__: x, constructor: y}}'), [
    `nodes.yaml:2:33: nodes.a.labels.__proto__: ${said}`,
  ]);
});

/** Each: what is wrong, the file, and all that is said about it. */
const wrong: readonly [string, string, readonly string[]][] = [
  [
    'an unknown key',
    'nodes:\n  a:\n    engin: ssh://a',
    [
      'nodes.yaml:3:5: nodes.a.engin: unknown key "engin", expected one of engine, context, tls, address, reach, publish_on, labels, reserved, devices, gpu_probe_image; did you mean "engine"?',
    ],
  ],
  [
    'an unknown key at the top',
    'lost_afer: 3s\nnodes: {a: {context: x}}',
    [
      'nodes.yaml:1:1: lost_afer: unknown key "lost_afer", expected one of lost_after, replace_after, quarantine, nodes; did you mean "lost_after"?',
    ],
  ],
  [
    'no way to the engine',
    'nodes:\n  a: {}',
    ['nodes.yaml:2:3: nodes.a: expected either "engine" or "context", found neither'],
  ],
  [
    'two ways',
    'nodes:\n  a: {engine: ssh://a, context: b}',
    ['nodes.yaml:2:3: nodes.a: expected either "engine" or "context", found both'],
  ],
  [
    'an unknown scheme',
    'nodes:\n  a:\n    engine: npipe:////./pipe/docker',
    [
      'nodes.yaml:3:5: nodes.a.engine: expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST, found "npipe:////./pipe/docker"',
    ],
  ],
  [
    'no scheme',
    'nodes: {a: {engine: "gpu-a:2376"}}',
    ['nodes.yaml:1:13: nodes.a.engine: expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST, found "gpu-a:2376"'],
  ],
  [
    'a relative socket',
    'nodes: {a: {engine: "unix://docker.sock"}}',
    ['nodes.yaml:1:13: nodes.a.engine: expected unix:///PATH with three slashes, found "unix://docker.sock"'],
  ],
  [
    'a password',
    'nodes: {a: {engine: "ssh://ann:pw@host"}}',
    [
      'nodes.yaml:1:13: nodes.a.engine: it is "ssh://ann:…@host": expected no password, as ssh asks nobody here; use a key',
    ],
  ],
  [
    'a password for tcp',
    'nodes: {a: {engine: "tcp://ann:pw@host"}}',
    [
      'nodes.yaml:1:13: nodes.a.engine: it is "tcp://ann:…@host": expected no user and no password, as engines know certificates only',
    ],
  ],
  [
    'a password in an address of another kind',
    'nodes: {a: {engine: "http://ann:pw@host"}}',
    [
      'nodes.yaml:1:13: nodes.a.engine: expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST, found "http://ann:…@host"',
    ],
  ],
  [
    'a NUL in the path of a socket, however it is written',
    'nodes: {a: {engine: "ssh://a/run/%00.sock"}, b: {engine: "unix:///run/\\0.sock"}}',
    [
      'nodes.yaml:1:13: nodes.a.engine: it is "ssh://a/run/%00.sock": expected no control characters',
      'nodes.yaml:1:50: nodes.b.engine: it is "unix:///run/\\u0000.sock": expected no control characters',
    ],
  ],
  [
    'a percent sign without digits',
    'nodes: {a: {engine: "ssh://host/run/%zz.sock"}}',
    [
      'nodes.yaml:1:13: nodes.a.engine: it is "ssh://host/run/%zz.sock": expected two hexadecimal digits behind each "%"',
    ],
  ],
  [
    'an image to probe with that is no reference',
    'nodes: {a: {context: x, gpu_probe_image: "../images/json"}}',
    [
      'nodes.yaml:1:25: nodes.a.gpu_probe_image: expected an image reference: [host[:port]/]name[:tag][@digest], the name in lower case, found "../images/json"',
    ],
  ],
  [
    'two nodes of one name',
    'nodes:\n  a: {engine: ssh://a}\n  b: {engine: ssh://b}\n  a: {engine: ssh://c}',
    ['nodes.yaml:4:3: nodes.a: the node "a" stands here a second time, first in line 2'],
  ],
  [
    'a key that stands twice',
    'nodes:\n  a:\n    engine: ssh://a\n    engine: ssh://b',
    ['nodes.yaml:4:5: nodes.a.engine: "engine" stands here a second time, first in line 3'],
  ],
  [
    'two nodes with one engine',
    'nodes:\n  a: {engine: tcp://h:2375}\n  b: {engine: tcp://H:2375}',
    ['nodes.yaml:3:7: nodes.b.engine: is the engine of the node "a" already; a node has an engine of its own'],
  ],
  [
    'two nodes with one context',
    'nodes:\n  a: {context: x}\n  b: {context: x}',
    ['nodes.yaml:3:7: nodes.b.context: is the engine of the node "a" already; a node has an engine of its own'],
  ],
  [
    'a bad node name',
    'nodes: {"-a": {context: x}}',
    [
      'nodes.yaml:1:9: nodes.-a: expected a name of at most 63 letters, digits, ".", "-" and "_" that begins with a letter or digit, found "-a"',
    ],
  ],
  [
    'a bad label',
    'nodes: {a: {context: x, labels: {"zo ne": 1}}}',
    [
      'nodes.yaml:1:34: nodes.a.labels["zo ne"]: expected a label of at most 128 letters, digits, ".", "/", "-" and "_", found "zo ne"',
    ],
  ],
  [
    'a label that is a list',
    'nodes: {a: {context: x, labels: {zone: [1]}}}',
    ['nodes.yaml:1:34: nodes.a.labels.zone: expected text of at most 256 characters, found a list of 1'],
  ],
  [
    'labels as a list',
    'nodes: {a: {context: x, labels: [zone=a]}}',
    ['nodes.yaml:1:25: nodes.a.labels: expected a mapping of labels to text, found a list of 1'],
  ],
  [
    'a device that is stated twice',
    'nodes:\n  a:\n    context: x\n    devices:\n      - id: nvidia.com/gpu=0\n      - id: nvidia.com/gpu=0',
    [
      'nodes.yaml:6:9: nodes.a.devices[1].id: the device "nvidia.com/gpu=0" is stated a second time, first as devices[0]',
    ],
  ],
  [
    'all devices as one of them',
    'nodes: {a: {context: x, devices: [{id: nvidia.com/gpu=all}]}}',
    [
      'nodes.yaml:1:36: nodes.a.devices[0].id: expected the name of one device, found "nvidia.com/gpu=all", which is all of them',
    ],
  ],
  [
    'a device by its UUID and again by its CDI name',
    'nodes:\n  a:\n    context: x\n    devices:\n      - {id: nvidia.com/gpu=0, uuid: GPU-1}\n      - {id: nvidia.com/gpu=GPU-1}\n      - {id: GPU-1}',
    [
      'nodes.yaml:6:10: nodes.a.devices[1].id: the device "GPU-1" is stated a second time, first as devices[0]',
      'nodes.yaml:7:10: nodes.a.devices[2].id: the device "GPU-1" is stated a second time, first as devices[0]',
    ],
  ],
  [
    'a device by its number and again by its UUID',
    'nodes:\n  a:\n    context: x\n    devices:\n      - {id: nvidia.com/gpu=1}\n      - {id: nvidia.com/gpu=GPU-1, index: 1}\n      - {id: amd.com/gpu=1}',
    ['nodes.yaml:6:36: nodes.a.devices[1].index: the device "1" is stated a second time, first as devices[0]'],
  ],
  [
    'a slice in two kinds',
    'nodes:\n  a:\n    context: x\n    devices:\n      - {id: "nvidia.com/gpu=0:1"}\n      - {id: "nvidia.com/mig=0:1"}\n      - {id: "nvidia.com/gpu=0"}',
    ['nodes.yaml:6:10: nodes.a.devices[1].id: the device "0:1" is stated a second time, first as devices[0]'],
  ],
  [
    'one UUID for two devices',
    'nodes:\n  a:\n    context: x\n    devices:\n      - {id: nvidia.com/gpu=0, uuid: GPU-1}\n      - {id: nvidia.com/gpu=1, uuid: GPU-1}',
    ['nodes.yaml:6:32: nodes.a.devices[1].uuid: the device "GPU-1" is stated a second time, first as devices[0]'],
  ],
  [
    'a device by its number',
    'nodes: {a: {context: x, devices: [{id: "0"}]}}',
    [
      'nodes.yaml:1:36: nodes.a.devices[0].id: expected a CDI name such as "nvidia.com/gpu=0", or an NVIDIA UUID such as "GPU-8f2e…", found "0"',
    ],
  ],
  [
    'a device memory that is none',
    'nodes: {a: {context: x, devices: [{id: a/gpu=0, memory: lots}]}}',
    [
      'nodes.yaml:1:49: nodes.a.devices[0].memory: expected a size such as "80GiB", "2g" or a number of bytes, found "lots"',
    ],
  ],
  [
    'a certificate without its key',
    'nodes: {a: {engine: tcp://h:1, tls: {cert: c.pem}}}',
    ['nodes.yaml:1:32: nodes.a.tls: expected "cert" and "key" together'],
  ],
  [
    'certificates for ssh',
    'nodes: {a: {engine: ssh://h, tls: {ca: c.pem}}}',
    ['nodes.yaml:1:30: nodes.a.tls: has no effect here: only tcp:// takes certificates'],
  ],
  [
    'a name to publish on',
    'nodes: {a: {engine: ssh://h, publish_on: eth0}}',
    ['nodes.yaml:1:30: nodes.a.publish_on: expected an IP address, found "eth0"'],
  ],
  [
    'a duration without a unit',
    'lost_after: 30\nnodes: {a: {context: x}}',
    ['nodes.yaml:1:1: lost_after: expected a duration with units, such as "30s" or "10m", found 30'],
  ],
  [
    'no time at all',
    'lost_after: 0s\nnodes: {a: {context: x}}',
    ['nodes.yaml:1:1: lost_after: expected a duration of at least a second and at most a year, found "0s"'],
  ],
  ['no nodes', 'nodes: {}', ['nodes.yaml:1:1: nodes: expected at least one node, found an empty mapping']],
  ['an empty file', '', ['nodes.yaml: expected a mapping with the key "nodes", found nothing (null)']],
  ['another kind of file', 'FROM debian', ['nodes.yaml: expected a mapping with the key "nodes", found "FROM debian"']],
  [
    'two documents',
    'nodes: {a: {context: x}}\n---\nnodes: {}',
    ['nodes.yaml:3:1: expected one document, found another one behind "---"'],
  ],
];
for (const [what, text, expected] of wrong) {
  test(`refused: ${what}`, t => t.deepEqual(problemsOf(text), expected));
}

test('what is no YAML is located, and nothing else is said', t => {
  const [problem, ...more] = problemsOf('nodes:\n  a: {engine: ssh://a\n  b: [');
  t.regex(problem ?? '', /^nodes\.yaml:\d+:\d+: /);
  t.deepEqual(more, []);
});

test('each address that is none is told once, and one without a port is none', t => {
  const text =
    'nodes:\n  a: {engine: tcp://h}\n  b: {engine: "http://h:2375"}\n  c: {engine: h}\n  d: {engine: "tcp://h:80/"}\n';
  t.deepEqual(problemsOf(text), [
    'nodes.yaml:2:7: nodes.a.engine: expected tcp://HOST:PORT, found "tcp://h"',
    'nodes.yaml:3:7: nodes.b.engine: expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST, found "http://h:2375"',
    'nodes.yaml:4:7: nodes.c.engine: expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST, found "h"',
  ]);
});

test('mistakes are told in the order of lines, and none hides another', t => {
  const text = `nodes:
  a:
    labls: {}
    engine: http://a
    reserved: {cpus: -1}
    devices: [{id: nvidia.com/gpu=all}]
  b: {engine: ssh://b, publish_on: eth0}
  a:
    engine: npipe://a
    reach: far
  c: {context: x, context: y, reach: near}
lost_afer: 3s
`;
  const found = problemsOf(text).map(line =>
    line.replace(/^nodes\.yaml:/, '').replace(/: (unknown|expected|"|the ).*/, ''),
  );
  t.deepEqual(found, [
    '3:5: nodes.a.labls',
    '4:5: nodes.a.engine',
    '5:16: nodes.a.reserved.cpus',
    '6:16: nodes.a.devices[0].id',
    '7:24: nodes.b.publish_on',
    '8:3: nodes.a',
    '9:5: nodes.a.engine',
    '10:5: nodes.a.reach',
    '11:19: nodes.c.context',
    '11:31: nodes.c.reach',
    '12:1: lost_afer',
  ]);
});

test('nodes from a merge are looked at as well', t => {
  t.deepEqual(problemsOf('nodes:\n  <<: &x {a: {engine: far}}\n  b: {engine: ssh://b}\n'), [
    'nodes.yaml:2:15: nodes.a.engine: expected unix://PATH, tcp://HOST:PORT or ssh://USER@HOST, found "far"',
  ]);
});

test('all mistakes are told at once', t => {
  t.is(problemsOf('lost: 1\nnodes:\n  a: {engin: x}\n  b: {reach: far}\n  c: {labels: 3}').length, 4);
});

test('an engine that anybody on the network could use is warned of', t => {
  const warnings = (text: string) => {
    const reading = readNodesFile('nodes.yaml', text);
    return reading.kind === 'read' ? reading.warnings.map(w => formatLocated(w)) : ['refused'];
  };
  t.deepEqual(warnings('nodes: {a: {engine: tcp://10.0.0.5:2375}}'), [
    'nodes.yaml:1:13: nodes.a.engine: has no tls: whoever reaches that port controls the machine behind it',
  ]);
  t.deepEqual(warnings('nodes: {a: {engine: tcp://10.0.0.5:2376, tls: {skip_verify: true}}}'), [
    'nodes.yaml:1:48: nodes.a.tls.skip_verify: trusts whatever answers there with the containers of this node',
  ]);
  t.deepEqual(warnings('nodes: {a: {engine: tcp://127.evil.example:2375}}').length, 1);
  t.deepEqual(warnings('nodes: {a: {engine: tcp://127.0.0.1:2375}, b: {engine: ssh://b}}'), []);
});

test('a file that explodes, or is huge, is refused at once', t => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (let i = 1; i < 12; i += 1) {
    const name = String.fromCharCode(97 + i);
    const before = String.fromCharCode(96 + i);
    bomb.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`);
  }
  t.deepEqual(problemsOf(bomb.join('\n')), ['nodes.yaml: its aliases stand for more than 100000 values']);
  t.deepEqual(problemsOf(`nodes: ${'['.repeat(200)}`).length > 0, true);
  t.deepEqual(problemsOf(`# ${'x'.repeat(1_100_000)}`), ['nodes.yaml: expected at most 512 KiB']);
});

/** Texts that a parser needs seconds for: they are refused by counting, before they are parsed. */
const heavy: readonly [string, string, string][] = [
  ['open brackets', `nodes: ${'['.repeat(101)}`, 'values in at most 100 levels'],
  ['lists in lists', `nodes:\n ${'- '.repeat(101)}x`, 'values in at most 100 levels'],
  ['closed brackets', 'nodes:\n}'.repeat(101), 'a bracket for each one that is closed'],
  ['anchors', `nodes: [${'&a x, '.repeat(501)}]`, 'at most 500 anchors and aliases'],
  ['documents', '---\n'.repeat(11), 'one document, found more than 10'],
  ['values', `nodes: [${'1,'.repeat(50_000)}]`, 'at most 60000 words and punctuation marks'],
];
for (const [what, text, limit] of heavy) {
  test(`refused before it is parsed: too many ${what}`, t => {
    t.is(textExcess(text), `expected ${limit}`);
    t.deepEqual(problemsOf(text), [`nodes.yaml: expected ${limit}`]);
  });
}

test('brackets and marks inside of values are no levels', t => {
  t.is(
    textExcess(`nodes: {a: "${'['.repeat(200)}", b: '${'- '.repeat(200)}', c: x}\nd: |\n  ${'{'.repeat(200)}\n`),
    null,
  );
  t.is(textExcess(`nodes: [${'[1], '.repeat(1_000)}]`), null);
});

test('of very many mistakes the first ones are explained', t => {
  const texts = [
    `nodes:\n${Array.from({ length: 3_000 }, (_, i) => `  n${i}: {engin: x}`).join('\n')}`,
    `nodes: {a: {context: x, labels: {${Array.from({ length: 3_000 }, (_, i) => `k${i}: [1]`).join(', ')}}}}`,
    `nodes: {a: {${Array.from({ length: 3_000 }, (_, i) => `k${i}: x`).join(', ')}}}`,
    `nodes: {${'a: {context: x}, '.repeat(3_000)}}`,
  ];
  for (const text of texts) {
    const problems = problemsOf(text);
    t.is(problems.length, 51);
    t.is(problems.at(-1), 'nodes.yaml: there is more; only the first 50 mistakes are shown');
  }
});

test('no text makes it throw', t => {
  const part = fc.constantFrom(
    'nodes',
    ':',
    ' ',
    '\n',
    '  ',
    '{',
    '}',
    '[',
    ']',
    '&a',
    '*a',
    '<<',
    '- ',
    'engine',
    '"',
    '---\n',
    '!!x',
    'tls',
    '#',
    '? ',
    '0',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part, { maxLength: 40 }).map(p => p.join('')),
      ),
      text => {
        const reading = readNodesFile('nodes.yaml', text);
        if (reading.kind === 'refused') t.true(reading.problems.length > 0);
      },
    ),
    { numRuns: 2_000 },
  );
});

test('memory of a few bytes is warned of, as its unit may be missing', t => {
  const warnings = (text: string) => {
    const reading = readNodesFile('nodes.yaml', text);
    return reading.kind === 'read' ? reading.warnings.map(w => formatLocated(w)) : ['refused'];
  };
  const node = (rest: string) => `nodes: {a: {engine: unix:///d.sock, ${rest}}}`;
  t.deepEqual(warnings(node('devices: [{id: "nvidia.com/gpu=0", memory: 192}], reserved: {memory: 4}')), [
    'nodes.yaml:1:98: nodes.a.reserved.memory: is 4 bytes; a unit may be missing, as in 2g',
    'nodes.yaml:1:72: nodes.a.devices[0].memory: is 192 bytes; a unit may be missing, as in 80GiB',
  ]);
  t.deepEqual(warnings(node('devices: [{id: "nvidia.com/gpu=0", memory: 192GiB}], reserved: {memory: 64m}')), []);
});
