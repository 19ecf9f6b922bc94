import { type IncomingMessage, request as plainRequest } from 'node:http';
import { request as secureRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import type { SecureContext } from 'node:tls';

/** How the API's certificate is checked, and the client's certificate. */
export interface ManagementTls {
  readonly secureContext?: SecureContext;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export interface HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly text: string;
}

/** Makes one HTTP request. It follows no redirection, which would carry the password elsewhere. */
export async function exchange(
  url: string,
  { method, headers, body }: HttpRequest,
  tls: ManagementTls | undefined,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const request = url.startsWith('https:') ? secureRequest : plainRequest;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request(url, { method, headers, signal, ...tls }, resolve)
      .on('error', reject)
      .end(body);
  });
  return { status: response.statusCode ?? 0, text: await text(response) };
}
