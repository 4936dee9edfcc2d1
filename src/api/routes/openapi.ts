import { z } from 'zod';
import { openApi } from '../openapi.ts';
import { type Route, route } from '../route.ts';

/** @param all every route, this one included; asked when the document is */
export function openApiRoute(all: () => readonly Route[]): Route {
  return route({
    method: 'GET',
    path: '/openapi.json',
    summary: 'This description of the API: OpenAPI 3.1.',
    access: 'state',
    answers: z.record(z.string(), z.unknown()),
    answer: ({ version }) => ({ status: 200, body: openApi(all(), version) }),
  });
}
