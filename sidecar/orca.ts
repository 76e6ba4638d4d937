import { type ClientHttp2Session, connect } from 'node:http2';
import type { LoadReading } from './load.ts';
import { protoFields } from './probes/proto-fields.ts';
import { authorityOf, type ProbeAddress } from './probes/result.ts';
import { openSocket } from './probes/tcp.ts';

/** The server has no out-of-band load reports; asking again is of no use. */
export class NoOrca extends Error {}

/**
 * Requests that a gRPC server runs or holds, told by itself every second: the out-of-band load reports of gRPC proposal
 * A51. The count is in the named metrics `running` and `queued`, as the Python SDK reports it, and that of all that ever came
 * in `received`; reports without the first two are passed over. Ends, or throws, when the stream does; the signal ends it.
 */
export async function* orcaLoad(address: ProbeAddress, signal: AbortSignal): AsyncGenerator<LoadReading> {
  const socket = await openSocket(address, signal);
  const session: ClientHttp2Session = connect(`http://${authorityOf(address)}`, { createConnection: () => socket });
  const end = () => session.destroy();
  signal.addEventListener('abort', end, { once: true });
  try {
    session.on('error', () => undefined); // the stream sees it too
    const stream = session.request({
      ':method': 'POST',
      ':path': '/xds.service.orca.v3.OpenRcaService/StreamCoreMetrics',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'outrigger-sidecar',
    });
    let grpcStatus: unknown;
    stream.on('response', headers => {
      grpcStatus = headers['grpc-status'];
    });
    stream.on('trailers', trailers => {
      grpcStatus = trailers['grpc-status'];
    });
    stream.end(EVERY_SECOND);
    let received: Buffer = Buffer.alloc(0);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 5) {
        const length = received.readUInt32BE(1);
        if (received[0] !== 0 || length > MAX_REPORT_BYTES) throw new Error('the answer is no load report');
        if (received.length < 5 + length) break;
        const load = loadIn(received.subarray(5, 5 + length));
        received = received.subarray(5 + length);
        if (load !== undefined) yield load;
      }
    }
    if (Number(grpcStatus) === UNIMPLEMENTED) throw new NoOrca('the server reports no load out of band');
  } finally {
    signal.removeEventListener('abort', end);
    session.destroy();
  }
}

/** Of an OrcaLoadReport: named_metrics = 8, a map from string (1) to double (2). */
function loadIn(report: Buffer): LoadReading | undefined {
  let inFlight: number | undefined;
  let counted: number | undefined;
  for (const entry of protoFields(report) ?? []) {
    if (entry.number !== 8 || entry.kind !== 'bytes') continue;
    const fields = protoFields(entry.value) ?? [];
    const name = fields.find(field => field.number === 1)?.value.toString();
    const value = fields.find(field => field.number === 2)?.value ?? 0;
    if (typeof value !== 'number') continue;
    if (name === 'running' || name === 'queued') inFlight = (inFlight ?? 0) + value;
    if (name === 'received') counted = value;
  }
  if (inFlight === undefined) return undefined;
  return counted === undefined ? { inFlight } : { inFlight, counted };
}

/** OrcaLoadReportRequest {report_interval = 1: Duration {seconds = 1: 1}}, framed. */
const EVERY_SECOND = Buffer.from([0, 0, 0, 0, 4, 0x0a, 0x02, 0x08, 0x01]);
const MAX_REPORT_BYTES = 64 * 1024;
const UNIMPLEMENTED = 12;
