import { OutriggerError } from '../../core/errors.ts';
import { translateError } from './translate-error.ts';

/**
 * What a registry answered, or that it did not, as an error with what to do about it. The engine has one status for
 * everything, so its words decide.
 */
export function pullRefusal(image: string, words: string, engine: string): OutriggerError {
  const doing = `pulling image ${image}`;
  const cause = Object.assign(new Error(words), { statusCode: 500 });
  const translated = translateError(cause, { doing, engine });
  if (translated.code === 'out_of_resources') return translated;
  const passing =
    PASSING.find(p => p.words.test(words))?.next ?? (translated.code === 'unavailable' ? UNREACHABLE : undefined);
  return new OutriggerError('image_unavailable', `${doing}: ${words}`, {
    retryable: passing !== undefined,
    next: passing ?? 'Check the spelling of the image, log in with `docker login` if it is private, or build it first.',
    cause,
  });
}

/** What says nothing of the image and may be over later, in the words of engines 20.10 to 28, most telling first. */
const PASSING: readonly { readonly words: RegExp; readonly next: string }[] = [
  {
    words: /toomanyrequests|\b429 Too Many Requests|HTTP 429 response/i,
    next: 'The image registry was asked too often. Log in with `docker login`, which mostly allows more, or wait; then run `outrigger up` again.',
  },
  {
    words: /unexpected (HTTP )?status\b.*: 5\d\d\b|HTTP 5\d\d response/,
    next: 'The image registry answers with an error of its own, which says nothing of the image. See how it is, or ask who runs it; once it is well, run `outrigger up` again.',
  },
  {
    words: /context deadline exceeded|i\/o timeout|handshake timeout|Client\.Timeout exceeded|operation timed out/i,
    next: 'The image registry did not answer the engine in time. Check the network and proxy settings of the engine and how the registry is; then run `outrigger up` again.',
  },
  {
    words: /\bEOF$|connection reset by peer|broken pipe|stream error:/i,
    next: 'The connection to the image registry broke. Check what is between the engine and it, such as a proxy; then run `outrigger up` again.',
  },
];

const UNREACHABLE =
  'The engine could not reach the image registry. Check its network and proxy settings, the spelling of the image, or build it first.';
