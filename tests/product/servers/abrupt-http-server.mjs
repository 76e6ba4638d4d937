// An HTTP server that does nothing about SIGTERM: under an init process it ends at once, whatever runs.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

createServer((request, response) => {
  const answer = () => response.end(JSON.stringify({ replica: hostname() }));
  const asked = Number(new URL(request.url, 'http://any').searchParams.get('delay_ms'));
  request.resume().once('end', () => setTimeout(answer, Math.max(500, asked)));
}).listen(8080);
