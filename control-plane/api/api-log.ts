/** The part of a pino logger that the servers use. */
export interface ApiLog {
  info(bindings: object, message: string): void;
  warn(bindings: object, message: string): void;
  error(bindings: object, message: string): void;
}

export const silentLog: ApiLog = { info() {}, warn() {}, error() {} };
