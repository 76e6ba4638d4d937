// An application's own HTTP server, as one writes it in a few lines; on SIGTERM it lets what runs end.
import { createServer } from 'node:http';
import { hostname } from 'node:os';

const server = createServer((request, response) => {
  const { searchParams } = new URL(request.url, 'http://here');
  const answer = () => response.end(JSON.stringify({ replica: hostname() }));
  request.resume().once('end', () => setTimeout(answer, Number(searchParams.get('delay_ms') ?? 0)));
});
server.listen(8080);
process.once('SIGTERM', () => server.close(() => process.exit(0)));
