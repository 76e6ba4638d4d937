/**
 * The address of an engine as a message may show it: without a password, without what stands behind the path, and with
 * control characters written out.
 */
export function shownAddress(address: string): string {
  const start = address.indexOf('://') < 0 ? 0 : address.indexOf('://') + 3;
  // Up to the last one: whoever writes a password there may not know that an "@" in it has to be escaped.
  const login = address.slice(start, Math.max(start, address.lastIndexOf('@')));
  const colon = login.indexOf(':');
  const hidden = colon < 0 ? login : `${login.slice(0, colon)}:…`;
  const rest = address.slice(start + login.length).replace(/([?#]).+$/s, '$1…');
  return `${address.slice(0, start)}${hidden}${rest}`.replace(/\p{Cc}/gu, character =>
    JSON.stringify(character).slice(1, -1),
  );
}
