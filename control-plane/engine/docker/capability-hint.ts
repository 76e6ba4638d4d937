/**
 * Every capability is dropped, so an entrypoint that changes owners or gives up root fails where plain Docker lets it.
 * The program's own last words show it; this says what they mean. Empty where they show nothing of the kind.
 */
export function capabilityHint(logTail: readonly string[]): string {
  if (!logTail.some(line => LACKS_A_CAPABILITY.test(line))) return '';
  return 'the image may need capabilities that are dropped by default; give them back with `cap_add: [CHOWN, SETGID, SETUID]`';
}

/** chown, su, gosu, su-exec, setpriv, nginx, Python and their kin. */
const LACKS_A_CAPABILITY =
  /\b(chown|chgrp|chmod|set(res|re|e)?[ug]id|setgroups|initgroups|failed switching to|can't set (uid|gid|groups)|su|gosu|su-exec)\b.*(operation not permitted|EPERM)|(operation not permitted|EPERM).*\b(chown|set(res|re|e)?[ug]id|setgroups)\b/i;
