import type { Command } from 'commander';
import { distance } from 'fastest-levenshtein';

/** A word that is no command of `parent`: with the one that may have been meant, where one is near. */
export function refuseUnknown(parent: Command, word: string): never {
  const known = parent.commands.filter(command => parent.createHelp().visibleCommands(parent).includes(command));
  const nearest = nearestWord(
    word,
    known.map(command => command.name()),
  );
  const names: string[] = [];
  for (let at: Command | null = parent; at; at = at.parent) names.unshift(at.name());
  const hint = nearest === null ? `(See "${names.join(' ')} --help".)` : `(Did you mean ${nearest}?)`;
  return parent.error(`error: unknown command '${word}'\n${hint}`);
}

/** Letters that were swapped, left out or added are a slip; with another beginning and two more differences it is another word. */
function nearestWord(word: string, known: readonly string[]): string | null {
  const near = known
    .map(name => ({ name, away: distance(word, name) }))
    .filter(({ name, away }) => away <= 1 || (away === 2 && name[0] === word[0]))
    .sort((a, b) => a.away - b.away);
  return near[0]?.name ?? null;
}
