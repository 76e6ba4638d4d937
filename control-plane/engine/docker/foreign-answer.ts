import { OutriggerError } from '../../core/errors.ts';

/** An answer over HTTP that no Docker Engine gives: these refuse in JSON, with words. */
export interface ForeignAnswer {
  readonly status: number;
  /** What it said, in one line of plain text; empty where that is a page, or nothing. */
  readonly words: string;
}

/** null: an engine may have given this answer, or there was none. */
export function foreignAnswer(thrown: unknown): ForeignAnswer | null {
  if (!(thrown instanceof Error)) return null;
  const { statusCode: status, json } = thrown as Error & { statusCode?: unknown; json?: unknown };
  if (typeof status !== 'number' || status < 400) return null;
  // docker-modem leaves a body that is no JSON as it is; of a stream it keeps the words alone.
  const said = (Buffer.isBuffer(json) ? json.toString() : thrown.message.replace(ENVELOPE, '')).trim();
  const isPage = /^<(!doctype|html|head|body|\?xml)\b/i.test(said);
  if (!Buffer.isBuffer(json) && !isPage && said !== '') return null;
  return { status, words: isPage ? '' : (said.split('\n')[0] ?? '').slice(0, MOST_WORDS) };
}

/** What docker-modem puts around the words. */
export const ENVELOPE = /^\(HTTP code \d+\) [^-]* - /;

/** @param foreign absent: it answered with success, and with something that no engine answers */
export function notAnEngine(
  engine: string,
  { doing, foreign, cause }: { doing: string; foreign?: ForeignAnswer; cause?: unknown },
): OutriggerError {
  const { status = 200, words = '' } = foreign ?? {};
  const message = `${engine} answers, but not as a Docker Engine: HTTP ${status}${words === '' ? '' : ` (${words})`}`;
  return new OutriggerError('unavailable', message, {
    next: nextStep(engine, status),
    // No HTTP status among them: it says nothing of what the engine has.
    details: { engine, doing, foreignStatus: status },
    ...(cause !== undefined && { cause }),
  });
}

function nextStep(engine: string, status: number): string {
  const isProxy = status >= 500 || status === 401 || status === 403 || status === 407;
  const who = isProxy ? 'A proxy before the engine may answer so: see its log. Otherwise check' : 'Check';
  if (engine.startsWith('unix:')) return `${who} which program listens at that socket.`;
  if (engine.startsWith('ssh:')) return `${who} that Docker listens at its usual socket there.`;
  return `${who} the address and the port: 2375 is usual without TLS, 2376 with it.`;
}

const MOST_WORDS = 200;
