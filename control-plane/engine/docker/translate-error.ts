import { OutriggerError } from '../../core/errors.ts';
import { ENVELOPE, type ForeignAnswer, foreignAnswer, notAnEngine } from './foreign-answer.ts';
import { type Known, REFUSALS } from './refusals.ts';

/**
 * The one place where what dockerode, docker-modem and Node throw becomes an OutriggerError. `doing` says what failed
 * and on which thing ("starting container 1f2e…"); `engine` is the address of the engine, `certificates` where those for it are named.
 */
export function translateError(thrown: unknown, context: Context): OutriggerError {
  if (thrown instanceof OutriggerError) return thrown;
  const foreign = foreignAnswer(thrown);
  if (foreign) return foreignError(foreign, thrown, context);
  const { code, message, statusCode } = shapeOf(thrown);
  const words = statusCode === undefined ? message : engineWords(thrown, message);
  const known =
    statusCode === undefined ? connectionError(code, message, context) : engineError(statusCode, words, context.doing);
  if (known) {
    return new OutriggerError(known.code, known.message ?? `${context.doing}: ${words}`, {
      ...(known.next !== undefined && { next: known.next }),
      ...(known.retryable !== undefined && { retryable: known.retryable }),
      details: { engine: context.engine, doing: context.doing, ...(statusCode !== undefined && { statusCode }) },
      cause: thrown,
    });
  }
  return new OutriggerError('internal', `${context.doing}: ${words}`, {
    details: { engine: context.engine, ...(statusCode !== undefined && { statusCode }) },
    cause: thrown,
  });
}

interface Context {
  readonly doing: string;
  readonly engine: string;
  readonly certificates?: string | undefined;
}

/** The HTTP status of an engine's refusal; undefined where there was no answer, or none of an engine. */
export function statusOf(thrown: unknown): number | undefined {
  if (thrown instanceof OutriggerError) {
    const status = thrown.details['statusCode'];
    return typeof status === 'number' ? status : undefined;
  }
  return foreignAnswer(thrown) === null ? shapeOf(thrown).statusCode : undefined;
}

/** Some of what passes for a foreign answer tells what is wrong all the same. */
function foreignError(foreign: ForeignAnswer, thrown: unknown, { doing, engine }: { doing: string; engine: string }) {
  const known = REFUSALS.find(r => r.isOfAnyone && r.words.test(foreign.words))?.known;
  if (!known) return notAnEngine(engine, { doing, foreign, cause: thrown });
  return new OutriggerError(known.code, `${doing}: ${foreign.words}`, {
    ...(known.next !== undefined && { next: known.next }),
    ...(known.retryable !== undefined && { retryable: known.retryable }),
    details: { engine, doing },
    cause: thrown,
  });
}

function engineError(status: number, words: string, doing: string): Known | null {
  for (const refusal of REFUSALS) {
    if (refusal.words.test(words) && (refusal.status === undefined || refusal.status === status)) return refusal.known;
  }
  switch (status) {
    case 400:
      return { code: 'container_rejected', next: 'The engine names the option that it refuses above.' };
    case 401:
    case 403:
      return { code: 'denied' };
    case 404:
      return { code: 'not_found' };
    case 409:
      return { code: 'conflict' };
    case 501:
      return { code: 'unsupported' };
    case 502:
    case 503:
    case 504:
      return { code: 'unavailable' };
    default:
      // The engine answers 500 to nearly everything that is wrong with a container.
      return /^(creating|starting) container/.test(doing)
        ? {
            code: 'container_rejected',
            next: 'The engine says above what it could not do; `docker info` and its log say more.',
          }
        : null;
  }
}

function connectionError(
  code: string | undefined,
  message: string,
  { engine, certificates = ANY_CERTIFICATES }: Context,
): Known | null {
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return {
        code: 'unavailable',
        message: `Docker is not running at ${engine}`,
        next: engine.startsWith('unix:')
          ? 'Start it (`systemctl start docker`, or Docker Desktop), or point DOCKER_HOST to where it runs.'
          : 'Start it there, and see that it listens at that address and no firewall is in between.',
      };
    case 'EACCES':
    case 'EPERM':
      return {
        code: 'unavailable',
        message: `No permission to use the Docker socket at ${engine}`,
        next: 'Add your user to the group `docker` (`sudo usermod -aG docker $USER`, then log in again), or use a rootless engine.',
        retryable: false,
      };
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return { code: 'unavailable', message: `The engine at ${engine} cannot be reached: ${message}` };
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
    case 'ERR_STREAM_PREMATURE_CLOSE':
      return { code: 'unavailable', message: `The engine at ${engine} closed the connection: ${message}` };
    case 'ENOSPC':
      return { code: 'out_of_resources' };
    case 'EPROTO':
      return {
        code: 'unavailable',
        message: `What answers at ${engine} does not speak TLS: ${tlsReason(message)}`,
        next: 'Check the port (2376 is usual with TLS, 2375 without), or leave the certificates out.',
        retryable: false,
      };
    default:
      if (/^ERR_SSL_.*(ALERT|CERTIFICATE)/.test(code ?? '')) {
        return {
          code: 'unavailable',
          message: `The engine at ${engine} refused our certificate: ${tlsReason(message)}`,
          next: `Give it a certificate that its CA signed and that is not over: see ${certificates}.`,
          retryable: false,
        };
      }
      if (code?.startsWith('ERR_TLS') || /certificate|self-signed|CERT_/.test(`${code} ${message}`)) {
        return {
          code: 'unavailable',
          message: `The engine at ${engine} could not be trusted: ${message}`,
          next: `Name the CA that signed the certificate of that engine, as it is now: see ${certificates}.`,
          retryable: false,
        };
      }
      return null;
  }
}

const ANY_CERTIFICATES =
  'ca.pem, cert.pem and key.pem in DOCKER_CERT_PATH or of the Docker context, or `tls` in the nodes file';

/** OpenSSL's own words, out of `C0F7…:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:../deps/…`. */
function tlsReason(message: string): string {
  return /SSL routines:[^:]*:([^:]+):/.exec(message)?.[1] ?? message;
}

function shapeOf(thrown: unknown): { code?: string; message: string; statusCode?: number } {
  if (!(thrown instanceof Error)) return { message: String(thrown) };
  const { code, statusCode } = thrown as Error & { code?: unknown; statusCode?: unknown };
  return {
    message: thrown.message,
    ...(typeof code === 'string' && { code }),
    ...(typeof statusCode === 'number' && { statusCode }),
  };
}

/** The engine's own sentence, without what docker-modem puts around it. */
function engineWords(thrown: unknown, message: string): string {
  const json = (thrown as { json?: { message?: unknown } | null }).json;
  if (json && typeof json.message === 'string') return json.message.trim();
  return message.replace(ENVELOPE, '').trim();
}
