import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { OutriggerError } from '../core/errors.ts';

/** Who asks. Leases will belong to identities; today they stand in the log beside every change. */
export interface Caller {
  /** `local` (reached a socket that only the owner of the state folder can open, or loopback without tokens), a token's name, or a certificate's. */
  readonly identity: string;
  readonly by: 'socket' | 'loopback' | 'token' | 'certificate';
}

/** Bearer tokens, known only by their hashes. */
export interface TokenList {
  /** The name of the token, or null. Takes the same time whichever token it is, and whether it is one. */
  identify(token: string): string | null;
  readonly size: number;
}

/**
 * Reads a token file: one `sha256:<64 hex digits> <name>` a line, `#` begins a comment. Tokens are random and long (see
 * `newToken`), so that a plain hash cannot be searched; a slow one would only slow down each request.
 */
export function parseTokens(text: string, origin: string): TokenList {
  const entries: { hash: Buffer; name: string }[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*$/, '').trim();
    if (line === '') continue;
    const match = /^sha256:([0-9a-f]{64})\s+([A-Za-z0-9][A-Za-z0-9._@-]{0,127})$/.exec(line);
    if (!match) {
      // The line itself stays out of the message: somebody may have written the token instead of its hash.
      throw new OutriggerError('invalid_argument', `${origin}:${index + 1}: expected "sha256:<64 hex digits> <name>"`, {
        next: 'Write one hash and one name a line; `printf %s "$TOKEN" | sha256sum` gives the hash.',
      });
    }
    entries.push({ hash: Buffer.from(match[1]!, 'hex'), name: match[2]! });
  }
  if (entries.length > MAX_TOKENS) {
    throw new OutriggerError('invalid_argument', `${origin}: expected at most ${MAX_TOKENS} tokens`);
  }
  return {
    size: entries.length,
    identify(token) {
      const hash = createHash('sha256').update(token).digest();
      let found: string | null = null;
      for (const entry of entries) if (timingSafeEqual(hash, entry.hash)) found = entry.name;
      return found;
    },
  };
}

const MAX_TOKENS = 1_000;

/** A new random token of 256 bits, and the line that makes it known. */
export function newToken(name: string): { token: string; line: string } {
  const token = `outrigger_${randomBytes(32).toString('base64url')}`;
  return { token, line: `sha256:${createHash('sha256').update(token).digest('hex')} ${name}` };
}

/** How the clients of one listener prove who they are. */
export type Trust =
  /** The file mode of the socket is the proof. */
  | { readonly kind: 'socket' }
  | { readonly kind: 'loopback' }
  /** A client certificate was verified in the handshake. */
  | { readonly kind: 'certificate' }
  | { readonly kind: 'tokens'; readonly tokens: TokenList }
  | { readonly kind: 'certificate_or_tokens'; readonly tokens: TokenList };

/** The caller, or `unauthenticated`. */
export function authenticate(
  trust: Trust,
  shown: { readonly authorization: string | undefined; readonly certificateName: string | null },
): Caller {
  switch (trust.kind) {
    case 'socket':
      return { identity: 'local', by: 'socket' };
    case 'loopback':
      return { identity: 'local', by: 'loopback' };
    case 'certificate':
    case 'certificate_or_tokens':
      if (shown.certificateName !== null) return { identity: shown.certificateName, by: 'certificate' };
      if (trust.kind === 'certificate_or_tokens') return byToken(trust.tokens, shown.authorization);
      throw unauthenticated('this address asks for a client certificate with a name (CN or SAN)');
    case 'tokens':
      return byToken(trust.tokens, shown.authorization);
    default:
      return trust satisfies never;
  }
}

/** The name of a verified certificate: its CN, otherwise its first subject alternative name; null without either. */
export function certificateName(
  certificate: { subject?: { CN?: string | string[] }; subjectaltname?: string } | undefined,
): string | null {
  const cn = certificate?.subject?.CN;
  const name = Array.isArray(cn) ? cn[0] : cn;
  if (name) return name;
  const alternative = certificate?.subjectaltname?.split(', ')[0];
  return alternative ? alternative.slice(alternative.indexOf(':') + 1) : null;
}

function byToken(tokens: TokenList, authorization: string | undefined): Caller {
  if (!authorization) throw unauthenticated('this address asks who calls, and no token was sent');
  const [, token] = /^Bearer ([\x21-\x7e]{1,512})$/i.exec(authorization) ?? [];
  if (token === undefined) throw unauthenticated('expected the header "authorization: Bearer <token>"');
  const identity = tokens.identify(token);
  if (identity === null) throw unauthenticated('the token that was sent is not known here');
  return { identity, by: 'token' };
}

function unauthenticated(message: string): OutriggerError {
  return new OutriggerError('unauthenticated', message, {
    next:
      'Ask whoever runs this control plane for a token or a certificate. Commands and clients of Outrigger take a token by ' +
      'OUTRIGGER_TOKEN_FILE or OUTRIGGER_TOKEN (commands: --token-file), and a certificate by OUTRIGGER_TLS_CERT and OUTRIGGER_TLS_KEY.',
  });
}
