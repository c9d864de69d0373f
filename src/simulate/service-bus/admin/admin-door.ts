import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenCheck } from '../access-policies.ts';
import type { Entities } from '../entities.ts';
import * as answers from './admin-answer.ts';
import type { AdminAnswer, Refused } from './admin-answer.ts';
import { type Put, putRule, putSubscription, putTopic, remove } from './admin-changes.ts';
import { type AdminPlace, placeOf } from './admin-place.ts';
import { ask, type Page } from './admin-questions.ts';
import { entryText, errorText, feedText, readEntry } from './atom-xml.ts';
import { dropBody, readBody } from './request-body.ts';

export type AdminParts = {
  readonly entities: Entities;
  readonly tokens: TokenCheck;
};

/** Requests answered at once; one more is told to come again. */
const requestsMax = 64;
/** Entries of a page, also where more are asked for, as by the service. */
const pageMax = 100;

/** What a request asks for, and how addresses are written in the answer. */
type Asked = {
  readonly method: string;
  readonly path: string;
  /** The path as it was written, which is what tokens are made for. */
  readonly written: string;
  readonly page: Page;
  readonly ifMatch: string | undefined;
  readonly host: string;
  urlOf(path: string): string;
  readonly next: string;
};

/**
 * Answers the administration API: Atom over HTTP, as far as `ServiceBusAdministrationClient` speaks it. A change is
 * answered when it is in the log. Each request needs a token with the Manage right, where tokens are checked.
 */
export function adminDoor({ entities, tokens }: AdminParts) {
  let underWay = 0;
  return (request: IncomingMessage, response: ServerResponse): void => {
    if (underWay >= requestsMax) {
      dropBody(request);
      reply(response, answers.busy, undefined);
      return;
    }
    underWay++;
    response.once('close', () => {
      underWay--;
    });
    const asked = readAsked(request);
    const refused = asked === undefined ? answers.badRequest('The address cannot be read.') : undefined;
    const refusal = refused ?? unauthorized(tokens, request, asked?.written ?? '/');
    if (asked === undefined || refusal !== undefined) {
      dropBody(request);
      if (refusal !== undefined) reply(response, refusal, asked);
      return;
    }
    readBody(request, (body) => {
      if (body === undefined) return;
      const answer = body.isTooLarge ? answers.tooLarge : answerOf(entities, asked, body.text);
      entities.whenWritten(() => {
        reply(response, answer, asked);
      });
    });
  };
}

function unauthorized(tokens: TokenCheck, request: IncomingMessage, path: string): Refused | undefined {
  if (!tokens.isOn) return undefined;
  const token = request.headers.authorization;
  if (token === undefined) return answers.unauthorized('The request has no token.');
  const checked = tokens.check(token, path, Date.now());
  if (!checked.ok) return answers.unauthorized(checked.description);
  return checked.rights.has('Manage')
    ? undefined
    : answers.forbidden("The token has not the 'Manage' right, which is needed for this.");
}

function answerOf(entities: Entities, asked: Asked, body: string): AdminAnswer {
  const { method, path, page, ifMatch } = asked;
  const place = placeOf(entities, path);
  if (method !== 'GET' && method !== 'PUT' && method !== 'DELETE') return answers.notAllowed;
  if (place === undefined) return answers.notFound(path);
  if (method === 'GET') return ask(entities, place, page, asked);
  if (ifMatch !== undefined && ifMatch !== '*') return answers.preconditionFailed;
  const { kind } = place;
  if (kind !== 'topic' && kind !== 'subscription' && kind !== 'rule') return answers.notAllowed;
  if (method === 'DELETE') return remove(entities, place);
  const read = readEntry(body);
  if (read === undefined) return answers.badRequest('The body is no Atom entry with a description in it.');
  return put({ entities, isUpdate: ifMatch === '*', places: asked, ...read }, place);
}

function put(of: Put, place: Extract<AdminPlace, { kind: 'topic' | 'subscription' | 'rule' }>): AdminAnswer {
  if (place.kind === 'topic') return putTopic(of, place);
  return place.kind === 'subscription' ? putSubscription(of, place) : putRule(of, place);
}

function readAsked(request: IncomingMessage): Asked | undefined {
  const { method = '', headers } = request;
  const host = /^[\w.:[\]-]{1,260}$/.test(headers.host ?? '') ? (headers.host ?? '') : 'localhost';
  const scheme = 'encrypted' in request.socket ? 'https' : 'http';
  try {
    const url = new URL(request.url ?? '/', `${scheme}://${host}`);
    const version = url.searchParams.get('api-version') ?? '2021-05';
    const urlOf = (path: string) =>
      `${scheme}://${host}/${path.split('/').map(encodePart).join('/')}?api-version=${encodeURIComponent(version)}`;
    const page = {
      skip: count(url.searchParams.get('$skip'), 0),
      top: Math.min(pageMax, Math.max(1, count(url.searchParams.get('$top'), pageMax))),
    };
    const path = decodeURIComponent(url.pathname).replace(/^\/+/, '');
    const next = `${urlOf(path)}&$skip=${String(page.skip + page.top)}&$top=${String(page.top)}`;
    return { method, path, written: url.pathname, page, ifMatch: headers['if-match'], host, urlOf, next };
  } catch {
    return undefined; // an address that is none, or percent signs that encode nothing
  }
}

const encodePart = (part: string): string => encodeURIComponent(part).replaceAll('%24', '$');
const count = (text: string | null, absent: number): number =>
  text !== null && /^\d{1,9}$/.test(text) ? Number(text) : absent;

function reply(response: ServerResponse, answer: AdminAnswer, asked: Asked | undefined): void {
  if (answer.kind === 'refused') {
    const detail = `${answer.detail} Timestamp:${new Date().toISOString()}`;
    write(response, answer.status, 'application/xml; charset=utf-8', errorText(answer.status, detail));
  } else if (answer.kind === 'deleted') response.writeHead(200, { 'content-length': 0 }).end();
  else if (answer.kind === 'entry')
    write(response, answer.status, 'application/atom+xml;type=entry;charset=utf-8', entryText(answer.entry));
  else {
    const self = asked?.urlOf(asked.path) ?? '';
    const text = feedText(self, answer.entries, answer.hasMore ? asked?.next : undefined);
    write(response, 200, 'application/atom+xml;type=feed;charset=utf-8', text);
  }
}

function write(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text) }).end(text);
}
