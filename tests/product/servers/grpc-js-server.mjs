// An application's own gRPC server on grpc-js, as one writes it in a few lines: no SDK, no health service; on SIGTERM it
// lets what runs end. It runs in the control plane's image, because that has grpc-js in it.
import { createRequire } from 'node:module';
import { hostname } from 'node:os';

const require = createRequire('/app/package.json');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');

const { Echo } = grpc.loadPackageDefinition(loadSync('/srv/echo.proto', { defaults: true })).outrigger.examples.echo.v1;
const server = new grpc.Server();
server.addService(Echo.service, {
  echo: ({ request }, answer) => {
    setTimeout(() => answer(null, { payload: request.payload, replica: hostname() }), request.delayMs);
  },
  stream: call => {
    const { count, intervalMs, sizeBytes } = call.request;
    let index = 0;
    const timer = setInterval(() => {
      if (index === count || call.cancelled) {
        clearInterval(timer);
        call.end();
      } else call.write({ index: index++, payload: Buffer.alloc(sizeBytes), replica: hostname() });
    }, intervalMs);
  },
});
server.bindAsync('0.0.0.0:50051', grpc.ServerCredentials.createInsecure(), error => {
  if (error) throw error;
});
process.once('SIGTERM', () => server.tryShutdown(() => process.exit(0)));
