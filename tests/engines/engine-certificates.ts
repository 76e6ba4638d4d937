import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** Paths of PEM files. */
export interface TlsPaths {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface EngineCertificates {
  readonly server: TlsPaths;
  readonly client: TlsPaths;
  /** A client that no engine knows, and its own authority. */
  readonly stranger: TlsPaths;
}

/** Writes fresh keys and certificates of an engine at this IP address, made with openssl; valid for a day. */
export async function writeEngineCertificates(folder: string, address: string): Promise<EngineCertificates> {
  await mkdir(folder, { recursive: true });
  const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const authority = (name: string) =>
    openssl(
      'req',
      '-x509',
      ...newKey,
      '-days',
      '1',
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-subj',
      `/CN=${name}`,
    );
  const issue = async (name: string, by: string, extensions: string) => {
    await writeFile(path.join(folder, `${name}.ext`), extensions);
    await openssl('req', ...newKey, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signed = ['-CA', `${by}.pem`, '-CAkey', `${by}.key`, '-CAcreateserial', '-days', '1'];
    await openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed, '-extfile', `${name}.ext`);
    for (const rest of ['ext', 'csr']) await rm(path.join(folder, `${name}.${rest}`));
    const at = (file: string) => path.join(folder, file);
    return { ca: at(`${by}.pem`), cert: at(`${name}.pem`), key: at(`${name}.key`) };
  };
  await authority('ca');
  await authority('other-ca');
  return {
    server: await issue('server', 'ca', `subjectAltName=IP:${address}\nextendedKeyUsage=serverAuth\n`),
    client: await issue('client', 'ca', 'extendedKeyUsage=clientAuth\n'),
    stranger: await issue('stranger', 'other-ca', 'extendedKeyUsage=clientAuth\n'),
  };
}
