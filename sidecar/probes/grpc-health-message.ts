import { protoFields } from './proto-fields.ts';

/** Statuses of grpc.health.v1.HealthCheckResponse, by number. */
const STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'] as const;
export type HealthStatus = (typeof STATUSES)[number];

/** HealthCheckRequest {string service = 1}, framed as one uncompressed gRPC message. */
export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The status of a framed HealthCheckResponse {Status status = 1}; undefined where the bytes are not one. */
export function decodeHealth(frame: Buffer): HealthStatus | undefined {
  if (frame.length < 5 || frame[0] !== 0 || frame.readUInt32BE(1) !== frame.length - 5) return undefined;
  const fields = protoFields(frame.subarray(5));
  // proto3 leaves out what is zero
  const status = fields?.find(field => field.number === 1 && field.kind === 'number')?.value ?? 0;
  return fields ? STATUSES[Number(status)] : undefined;
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}
