/**
 * Looks at the encoded bytes of an ApplyRequest and says what is wrong with the shape of its Structs: too deep, or too
 * many values. A decoder makes hundreds of bytes of each empty value, and recurses into each level. Null: fine, or not
 * protobuf at all, which the decoder then says.
 */
export function structShapeProblem(bytes: Uint8Array, limits: { depth: number; values: number }): string | null {
  // A level of JSON is a value, its struct and its entry.
  const maxFrames = limits.depth * 3 + 2;
  const frames: { message: Message; end: number }[] = [{ message: 'apply', end: bytes.length }];
  let values = 0;
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70 && at < bytes.length; shift += 7) {
      const byte = bytes[at++]!;
      // Lengths beyond 2^31 do not occur; higher bits only have to be passed over.
      if (shift < 31) value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    return Number.NaN;
  };
  for (let frame = frames.at(-1); frame; frame = frames.at(-1)) {
    if (at >= frame.end) {
      frames.pop();
      continue;
    }
    const tag = varint();
    switch (tag % 8) {
      case 0:
        varint();
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        const inner = PARTS[frame.message][Math.floor(tag / 8)];
        if (!(at + length <= frame.end)) return null;
        if (inner === undefined) {
          at += length;
          break;
        }
        if (frames.length >= maxFrames) return `nests deeper than ${limits.depth} levels`;
        if (++values > limits.values * 2) return `has more than ${limits.values} values`;
        frames.push({ message: inner, end: at + length });
        break;
      }
      case 5:
        at += 4;
        break;
      default:
        return null;
    }
  }
  return null;
}

type Message = 'apply' | 'struct' | 'entry' | 'value' | 'list';

/** Which fields hold messages: of ApplyRequest and of google/protobuf/struct.proto. */
const PARTS: Readonly<Record<Message, Readonly<Record<number, Message>>>> = {
  apply: { 1: 'struct' },
  struct: { 1: 'entry' },
  entry: { 2: 'value' },
  value: { 5: 'struct', 6: 'list' },
  list: { 1: 'value' },
};
