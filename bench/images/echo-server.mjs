/**
 * gRPC's wire format on Node's HTTP/2, and nothing else: echoes unary calls byte by byte, streams `count` messages of
 * `size` bytes, and answers health checks. grpc-js' own server would cost as much as the client that is measured.
 */
import { createServer } from 'node:http2';

const WINDOW_BYTES = 8 * 1024 * 1024;
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };
const ANSWERS = {
  '/bench.Echo/Unary': echo,
  '/bench.Echo/Stream': stream =>
    stream.once('data', request => sendMessages(stream, request.readUInt32BE(5), request.readUInt32BE(9))),
  '/grpc.health.v1.Health/Check': stream => {
    stream.resume();
    // One message of two bytes: field 1, SERVING.
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, 1]));
  },
};

const server = createServer({
  settings: { initialWindowSize: WINDOW_BYTES, maxConcurrentStreams: 1_000 },
  maxSessionMemory: 1_000,
});
server.on('session', session => session.setLocalWindowSize(WINDOW_BYTES));
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  const answer = ANSWERS[headers[':path']];
  if (!answer) {
    // UNIMPLEMENTED, in headers alone.
    stream.respond({ ...HEADERS, 'grpc-status': '12' }, { endStream: true });
    return;
  }
  stream.respond(HEADERS, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  answer(stream);
});
server.listen(50051, '0.0.0.0');
process.on('SIGTERM', () => process.exit(0));

/** As every unary server does: the whole request first, then the answer. */
function echo(stream) {
  const chunks = [];
  stream.on('data', chunk => chunks.push(chunk));
  stream.on('end', () => {
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
  });
}

/** In blocks of about 64 KiB, as fast as the reader takes them. */
async function sendMessages(stream, count, size) {
  const frame = Buffer.alloc(5 + size);
  frame.writeUInt32BE(size, 1);
  const perBlock = Math.max(1, Math.floor(65_536 / frame.length));
  const block = Buffer.concat(Array.from({ length: perBlock }, () => frame));
  for (let left = count; left > 0; left -= perBlock) {
    const piece = left >= perBlock ? block : block.subarray(0, left * frame.length);
    if (!stream.write(piece)) await new Promise(resolve => stream.once('drain', resolve).once('close', resolve));
    if (stream.destroyed) return;
  }
  stream.end();
}
