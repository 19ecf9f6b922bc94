import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  readonly commonName?: string;
  /** Such as `DNS:localhost,IP:127.0.0.1`. */
  readonly names?: string;
  /** `YYYYMMDDHHMMSSZ`; from 2020 to 2099 unless told otherwise. */
  readonly from?: string;
  readonly until?: string;
  /** Encrypts the key. */
  readonly passphrase?: string;
}

/** A certificate authority in a temporary directory of its own. */
export interface Authority {
  readonly directory: string;
  readonly cacert: string;
  readonly issue: (name: string, options?: CertificateOptions) => Certificate;
  readonly remove: () => void;
}

const CONFIG = `
[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = none
[none]
[authority]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
`;

/** Makes an authority with the `openssl` command. */
export function makeAuthority(commonName: string): Authority {
  const directory = mkdtempSync(join(tmpdir(), 'rmq-ca-'));
  const openssl = (...args: string[]): void => {
    execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  const path = (name: string): string => join(directory, name);
  writeFileSync(path('ca.cnf'), CONFIG);
  writeFileSync(path('index.txt'), '');
  const config = ['-config', 'ca.cnf'];
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'ca.key');
  openssl('req', '-x509', ...config, '-extensions', 'authority', '-key', 'ca.key', '-subj', `/CN=${commonName}`, '-days', '3650', '-out', 'ca.pem');
  return {
    directory,
    cacert: path('ca.pem'),
    issue: (name, { commonName: subject = name, names, from = '20200101000000Z', until = '20990101000000Z', passphrase } = {}) => {
      openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', `${name}.key`);
      const alternatives = names === undefined ? [] : ['-addext', `subjectAltName=${names}`];
      openssl('req', '-new', ...config, '-key', `${name}.key`, '-subj', `/CN=${subject}`, ...alternatives, '-out', `${name}.csr`);
      const times = ['-startdate', from, '-enddate', until];
      openssl('ca', '-batch', ...config, '-cert', 'ca.pem', '-keyfile', 'ca.key', '-in', `${name}.csr`, '-notext', ...times, '-out', `${name}.pem`);
      if (passphrase !== undefined) openssl('pkcs8', '-topk8', '-in', `${name}.key`, '-passout', `pass:${passphrase}`, '-v2', 'aes256', '-out', `${name}.enc`);
      return { cert: path(`${name}.pem`), key: path(passphrase === undefined ? `${name}.key` : `${name}.enc`) };
    },
    remove: () => rmSync(directory, { recursive: true }),
  };
}
