/** One field of a protobuf message: numbers of wire type 0 and 1 (as a double), bytes of wire type 2. */
export type ProtoField =
  | { readonly kind: 'number'; readonly number: number; readonly value: number }
  | { readonly kind: 'bytes'; readonly number: number; readonly value: Buffer };

/**
 * The fields of a message whose schema is small enough to be read by hand. Null where the bytes are no message. 32-bit
 * fields are passed over: nothing that is read here has any.
 */
export function protoFields(message: Buffer): ProtoField[] | null {
  const fields: ProtoField[] = [];
  let at = 0;
  const varint = (): number | null => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) return null;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return null;
  };
  while (at < message.length) {
    const tag = varint();
    if (tag === null) return null;
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: {
        const value = varint();
        if (value === null) return null;
        fields.push({ kind: 'number', number, value });
        break;
      }
      case 1:
        if (at + 8 > message.length) return null;
        fields.push({ kind: 'number', number, value: message.readDoubleLE(at) });
        at += 8;
        break;
      case 2: {
        const length = varint();
        if (length === null || at + length > message.length) return null;
        fields.push({ kind: 'bytes', number, value: message.subarray(at, at + length) });
        at += length;
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return null;
    }
  }
  return at === message.length ? fields : null;
}
