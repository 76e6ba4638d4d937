import type { Socket } from 'node:net';

/**
 * Looks at the first bytes of a connection: the preface of HTTP/2 goes to one side, everything else to the other. The
 * bytes are put back first. A connection that does not show what it is in time is closed.
 */
export function switchByFirstBytes(
  socket: Socket,
  sides: { http2: (socket: Socket) => void; http1: (socket: Socket) => void },
  timeoutMs: number,
): void {
  let head: Buffer = Buffer.alloc(0);
  const late = setTimeout(() => socket.destroy(), timeoutMs);
  const forget = () => clearTimeout(late);
  const giveUp = () => socket.destroy();
  const look = (chunk: Buffer) => {
    head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    const length = Math.min(head.length, PREFACE.length);
    const matches = head.compare(PREFACE, 0, length, 0, length) === 0;
    if (matches && length < PREFACE.length) return;
    forget();
    socket.removeListener('data', look);
    socket.removeListener('error', giveUp);
    socket.removeListener('end', giveUp);
    socket.removeListener('close', forget);
    socket.pause();
    socket.unshift(head);
    if (matches) sides.http2(socket);
    else {
      sides.http1(socket);
      socket.resume();
    }
  };
  socket.on('data', look);
  socket.on('error', giveUp);
  // The server accepts half-open sockets; one that ends before it began has nothing to wait for.
  socket.on('end', giveUp);
  socket.on('close', forget);
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
