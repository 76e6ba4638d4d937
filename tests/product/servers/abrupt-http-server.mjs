// An HTTP server that does nothing about SIGTERM: under an init process it ends at once, whatever runs.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

createServer((request, response) => {
  const answer = () => response.end(JSON.stringify({ replica: hostname() }));
  request.resume().once('end', () => setTimeout(answer, 500));
}).listen(8080);
