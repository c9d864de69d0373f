import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { generate } from 'selfsigned';
import { StandInError } from './stand-in-error.ts';

/** A certificate with its private key, both as PEM. */
export type TlsPair = { readonly cert: string; readonly key: string };

const validDays = 825;

/** Reads a certificate and its key. Throws CONFIG_INVALID. */
export async function loadTlsPair(certPath: string, keyPath: string): Promise<TlsPair> {
  try {
    const [cert, key] = await Promise.all([readFile(certPath, 'utf8'), readFile(keyPath, 'utf8')]);
    createSecureContext({ cert, key });
    return { cert, key };
  } catch (cause) {
    throw new StandInError('CONFIG_INVALID', 'TLS: the certificate or its key cannot be read or used', {
      cause,
    });
  }
}

/**
 * The certificate kept in a folder. Where none is, a self-signed one is made for this machine alone: 127.0.0.1, ::1
 * and localhost. `certPath` is for NODE_EXTRA_CA_CERTS of whoever connects. Throws CONFIG_INVALID for one that has
 * ended or is not whole: it may not be ours to overwrite.
 */
export async function keptTlsPair(
  folder: string,
  nowMs: number,
): Promise<TlsPair & { readonly certPath: string }> {
  const [certPath, keyPath] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  if (!existsSync(certPath) && !existsSync(keyPath)) {
    const made = await makeTlsPair(nowMs);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFile(keyPath, made.key, { mode: 0o600 });
    await writeFile(certPath, made.cert);
  }
  const kept = await loadTlsPair(certPath, keyPath);
  if (isUsable(kept, nowMs)) return { ...kept, certPath };
  throw new StandInError('CONFIG_INVALID', `TLS: the certificate in ${folder} has ended or is not its key's`);
}

async function makeTlsPair(nowMs: number): Promise<TlsPair> {
  const altNames = [
    { type: 2, value: 'localhost' },
    { type: 7, ip: '127.0.0.1' },
    { type: 7, ip: '::1' },
  ] as const;
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    // A clock that is a little behind ours must not find it too young.
    notBeforeDate: new Date(nowMs - 3_600_000),
    notAfterDate: new Date(nowMs + validDays * 86_400_000),
    extensions: [
      // It is its own authority, and no one else's.
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'subjectAltName', altNames: [...altNames] },
    ],
  });
  return { cert, key };
}

function isUsable({ cert, key }: TlsPair, nowMs: number): boolean {
  try {
    const certificate = new X509Certificate(cert);
    return nowMs < certificate.validToDate.getTime() && certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}
