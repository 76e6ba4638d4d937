import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

export interface Certificates {
  readonly authority: string;
  readonly server: { certificate: string; key: string };
  /** Of the authority, with the common name `job-runner`. */
  readonly client: { certificate: string; key: string };
  /** Of the authority, without a common name, with the alternative name `job.example`. */
  readonly unnamed: { certificate: string; key: string };
  /** Of nobody but itself. */
  readonly stranger: { certificate: string; key: string };
}

/** Fresh keys and certificates, made with openssl; valid for a day. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(path.join(tmpdir(), 'outrigger-tls-'));
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });
  const read = (name: string) => readFile(path.join(folder, name), 'utf8');
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
  const selfSigned = (name: string, subject: string) =>
    openssl('req', '-x509', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', subject);
  const issued = async (name: string, subject: string, alternative: string) => {
    await writeFile(path.join(folder, `${name}.ext`), `subjectAltName=${alternative}\n`);
    await openssl('req', ...newKey.slice(0, -2), '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    const by = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '1', '-extfile', `${name}.ext`];
    await openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...by);
  };
  const pair = async (name: string) => ({ certificate: await read(`${name}.pem`), key: await read(`${name}.key`) });
  try {
    await selfSigned('ca', '/CN=test authority');
    await issued('server', '/CN=control-plane', 'DNS:localhost,IP:127.0.0.1');
    await issued('client', '/CN=job-runner', 'DNS:other.example');
    await issued('unnamed', '/O=nobody', 'DNS:job.example');
    await selfSigned('stranger', '/CN=job-runner');
    return {
      authority: await read('ca.pem'),
      server: await pair('server'),
      client: await pair('client'),
      unnamed: await pair('unnamed'),
      stranger: await pair('stranger'),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
