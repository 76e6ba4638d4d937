import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';

const ROOT = path.join(import.meta.dirname, '../..');

/** Every page that a person reads, relative to the root. */
async function pages(): Promise<string[]> {
  const inDocs = await readdir(path.join(ROOT, 'docs'), { recursive: true });
  return [
    'README.md',
    'CONTRIBUTING.md',
    'python-sdk-example/README.md',
    ...inDocs.filter(file => file.endsWith('.md')).map(file => path.join('docs', file)),
  ];
}

async function read(page: string): Promise<string> {
  const text = await readFile(path.join(ROOT, page), 'utf8');
  // What stands in code is shown as it is, and leads nowhere.
  return text.replace(/^(```|~~~)[\s\S]*?^\1/gm, '');
}

/** As GitHub makes them: the words of a heading in small letters, without punctuation; of several alike, numbered from the second on. */
function anchors(text: string): Set<string> {
  const seen = new Map<string, number>();
  const found = [...text.matchAll(/^#{1,6} +(.+?) *#*$/gm)].map(([, heading]) => {
    const words = heading!.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\p{M}\p{Pc} -]/gu, '').replaceAll(' ', '-');
    const earlier = seen.get(anchor) ?? 0;
    seen.set(anchor, earlier + 1);
    return earlier === 0 ? anchor : `${anchor}-${earlier}`;
  });
  return new Set([...found, ...[...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id]) => id!)]);
}

function links(text: string): string[] {
  const plain = text.replace(/`[^`\n]*`/g, '');
  return [...plain.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)]
    .map(([, to]) => to!)
    .filter(to => !/^[a-z]+:/.test(to));
}

test('every link of the documentation leads to a file that is there, and to a heading that it has', async t => {
  const all = await pages();
  t.true(all.length > 20, all.join(' '));
  let count = 0;
  const dead: string[] = [];
  for (const page of all) {
    const text = await read(page);
    for (const to of links(text)) {
      count += 1;
      const [file = '', anchor] = to.split('#');
      const target = file === '' ? page : path.join(path.dirname(page), file);
      if (!existsSync(path.join(ROOT, target))) dead.push(`${page}: ${to}: no such file`);
      else if (anchor !== undefined && target.endsWith('.md')) {
        const there = anchors(target === page ? text : await read(target));
        if (!there.has(anchor)) dead.push(`${page}: ${to}: no such heading`);
      }
    }
  }
  t.true(count > 50, `${count} links`);
  t.deepEqual(dead, []);
});

test('every page that the program names is there', async t => {
  const folders = ['cli', 'client', 'control-plane', 'sidecar'];
  const sources = (
    await Promise.all(
      folders.map(async folder => {
        const files = await readdir(path.join(ROOT, folder), { recursive: true });
        return files.filter(file => file.endsWith('.ts')).map(file => path.join(folder, file));
      }),
    )
  ).flat();
  const named = new Map<string, string>();
  for (const source of sources) {
    const text = await readFile(path.join(ROOT, source), 'utf8');
    for (const [page] of text.matchAll(/(?<![\w/])docs\/[a-z0-9/-]+\.(?:md|json)\b/g)) named.set(page, source);
  }
  t.true(named.size > 5);
  t.deepEqual(
    [...named].filter(([page]) => !existsSync(path.join(ROOT, page))),
    [],
  );
});
