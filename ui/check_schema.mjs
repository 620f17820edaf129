// Fails when src/api/schema.d.ts is not what the API's description says today.
import { readFileSync } from 'node:fs';

import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';

const source = new URL('../src/api/openapi.json', import.meta.url);
const target = new URL('src/api/schema.d.ts', import.meta.url);

const want = COMMENT_HEADER + astToString(await openapiTS(source, { silent: true }));
if (readFileSync(target, 'utf8') !== want) {
  console.error('src/api/schema.d.ts is not current: run `npm run generate` and commit the result');
  process.exit(1);
}
