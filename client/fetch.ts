import { FormData, type RequestInfo, type RequestInit, type Response, fetch as undiciFetch } from 'undici';
import { type DispatcherOptions, OutriggerDispatcher } from './dispatcher.ts';

/** A `fetch` over a dispatcher of its own. */
export interface OutriggerFetch {
  (input: string | URL | globalThis.Request, init?: globalThis.RequestInit): Promise<globalThis.Response>;
  readonly dispatcher: OutriggerDispatcher;
  /** Lets what runs end, then closes the connections. */
  close(): Promise<void>;
}

/**
 * A `fetch` for programs and libraries that take one, such as the `fetch` option of the npm package `openai`. With
 * `service` every request goes to that service; otherwise those to `http://service.namespace.outrigger/`.
 */
export function createFetch(options: DispatcherOptions = {}): OutriggerFetch {
  const dispatcher = new OutriggerDispatcher(options);
  const call = (input: string | URL | globalThis.Request, init: globalThis.RequestInit = {}) => {
    // Requests and forms made with Node's own classes are strangers to the undici package, and are taken apart.
    const { url, parts } = typeof input === 'object' && 'method' in input ? partsOf(input) : { url: input, parts: {} };
    const { body, ...rest } = { ...parts, ...init };
    const request = {
      ...rest,
      ...(body !== undefined && { body: body instanceof globalThis.FormData ? formOf(body) : body }),
      dispatcher,
    };
    return undiciFetch(url as RequestInfo, request as RequestInit) as Promise<Response> as Promise<unknown>;
  };
  return Object.assign(call as (...args: Parameters<OutriggerFetch>) => Promise<globalThis.Response>, {
    dispatcher,
    close: () => dispatcher.close(),
  });
}

function partsOf(request: globalThis.Request): { url: string; parts: globalThis.RequestInit } {
  const { method, headers, body, signal, redirect } = request;
  return { url: request.url, parts: { method, headers, signal, redirect, ...(body && { body, duplex: 'half' }) } };
}

function formOf(form: globalThis.FormData): FormData {
  const copy = new FormData();
  for (const [name, value] of form) {
    if (typeof value === 'string') copy.append(name, value);
    else copy.append(name, value, value.name);
  }
  return copy;
}
