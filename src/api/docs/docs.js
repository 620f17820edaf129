// The documents page: operations, schemas and a form to try each, made from openapi.json.
'use strict';

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'options'];
let doc;

// element('a', {href: '#x'}, 'text', child, …): text is never taken as HTML.
function element(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

// Text with `code` in it.
function prose(text) {
  return text.split('`').map((part, i) => (i % 2 ? element('code', {}, part) : part));
}

function resolve(value) {
  while (value && value.$ref) {
    value = value.$ref.slice(2).split('/').reduce((at, key) => at[key], doc);
  }
  return value;
}

function schemaName(schema) {
  return schema && schema.$ref ? schema.$ref.split('/').pop() : undefined;
}

// One line that names a type: `[IncidentSummary]`, `string | null`.
function typeText(schema) {
  if (!schema) return 'any';
  if (schema.$ref) return schemaName(schema);
  if (schema.oneOf) return schema.oneOf.map(typeText).join(' | ');
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const types = [].concat(schema.type || 'any');
  return types.map((type) => (type === 'array' ? `[${typeText(schema.items)}]`
    : type === 'object' && schema.additionalProperties && schema.additionalProperties.type
      ? `{name: ${typeText(schema.additionalProperties)}}` : type)).join(' | ');
}

function members(schema) {
  const rows = [];
  for (const part of schema.allOf || [schema]) {
    const resolved = resolve(part);
    if (resolved.allOf) rows.push(...members(resolved));
    for (const [name, type] of Object.entries(resolved.properties || {})) {
      rows.push({name, type, required: (resolved.required || []).includes(name)});
    }
  }
  return rows;
}

function schemaLink(schema) {
  const named = schemaName(schema) || schemaName(schema && schema.items);
  const text = typeText(schema);
  return named ? element('a', {href: `#schema-${named}`}, text) : element('code', {}, text);
}

function memberTable(schema) {
  return element('table', {}, ...members(schema).map(({name, type, required}) => element('tr', {},
    element('td', {}, element('code', {}, name), required ? '' : ' (optional)'),
    element('td', {}, schemaLink(type)),
    element('td', {}, ...prose((resolve(type) || {}).description || type.description || '')))));
}

// A value that fits the schema, for the body of a form.
function example(schema, depth = 0) {
  const resolved = resolve(schema) || {};
  if (resolved.examples) return resolved.examples[0];
  if (resolved.default !== undefined) return resolved.default;
  if (resolved.enum) return resolved.enum[0];
  const type = [].concat(resolved.type || 'object')[0];
  if (type === 'array') return depth > 3 ? [] : [example(resolved.items, depth + 1)];
  if (type === 'integer' || type === 'number') return resolved.minimum || 1;
  if (type === 'boolean') return false;
  if (type === 'string') return '';
  const required = members(resolved).filter((member) => member.required);
  return Object.fromEntries(required.map((m) => [m.name, example(m.type, depth + 1)]));
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function requestOf(path, method, operation, fields, body) {
  let url = path;
  const query = new URLSearchParams();
  const headers = {};
  for (const {parameter, input} of fields) {
    if (input.value === '') continue;
    if (parameter.in === 'path') url = url.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
    else if (parameter.in === 'query') query.append(parameter.name, input.value);
    else headers[parameter.name] = input.value;
  }
  if ([...query].length) url += `?${query}`;
  if (body) headers['Content-Type'] = body.type;
  return {url, method: method.toUpperCase(), headers, body: body && body.area.value};
}

function curlText(request) {
  let text = `curl${request.method === 'GET' ? '' : ` -X ${request.method}`}`;
  for (const [name, value] of Object.entries(request.headers)) text += ` -H ${quoted(`${name}: ${value}`)}`;
  if (request.body) text += ` -d ${quoted(request.body)}`;
  return `${text} ${quoted(location.origin + request.url)}`;
}

async function run(request, output) {
  output.textContent = '…';
  try {
    const {url, ...options} = request;
    const answer = await fetch(url, options);
    const text = await answer.text();
    let shown = text;
    try { shown = JSON.stringify(JSON.parse(text), null, 2); } catch { /* not JSON: as it is */ }
    output.textContent = `${answer.status} ${answer.statusText}\n\n${shown.slice(0, 100000)}`;
  } catch (error) {
    output.textContent = String(error);
  }
}

function tryForm(path, method, operation) {
  const parameters = (operation.parameters || []).map(resolve);
  const fields = parameters.map((parameter) => ({parameter, input: element('input',
    {name: parameter.name, placeholder: typeText(parameter.schema), autocomplete: 'off'})}));
  const content = Object.entries((operation.requestBody || {}).content || {})[0];
  const body = content && {type: content[0], area: element('textarea', {'aria-label': 'Body'},
    JSON.stringify(example(content[1].schema), null, 2))};
  const curl = element('pre', {});
  const output = element('pre', {'aria-live': 'polite'});
  const update = () => { curl.textContent = curlText(requestOf(path, method, operation, fields, body)); };
  const streams = path.endsWith('/stream') || path.endsWith('/ws');
  const form = element('form', {class: 'try', oninput: update, onsubmit: (event) => {
    event.preventDefault();
    run(requestOf(path, method, operation, fields, body), output);
  }}, ...fields.map(({parameter, input}) => element('label', {}, parameter.name, input)),
  body && body.area, curl, streams ? null : element('button', {}, 'Send'), output);
  update();
  return element('details', {}, element('summary', {}, 'Try it'), form);
}

function responses(operation) {
  return element('table', {}, ...Object.entries(operation.responses).map(([status, reference]) => {
    const response = resolve(reference);
    const schema = Object.values(response.content || {}).map((media) => media.schema)[0];
    return element('tr', {}, element('td', {}, element('code', {}, status)),
      element('td', {}, schema && schema.type !== 'string' ? schemaLink(schema) : ''),
      element('td', {}, ...prose(response.description || '')));
  }));
}

function operationSection(path, method, operation) {
  const parameters = (operation.parameters || []).map(resolve);
  const content = Object.entries((operation.requestBody || {}).content || {});
  return element('section', {id: operation.operationId,
    'data-text': `${path} ${operation.operationId} ${operation.summary}`.toLowerCase()},
  element('h3', {}, element('span', {class: `method ${method}`}, method.toUpperCase()),
    element('a', {href: `#${operation.operationId}`}, path)),
  element('p', {}, ...prose(operation.summary)),
  operation.description && element('p', {}, ...prose(operation.description)),
  parameters.length ? element('h4', {}, 'Parameters') : null,
  parameters.length ? element('table', {}, ...parameters.map((p) => element('tr', {},
    element('td', {}, element('code', {}, p.name), p.required ? '' : ' (optional)'),
    element('td', {}, element('code', {}, typeText(p.schema))),
    element('td', {}, ...prose(p.description || ''))))) : null,
  content.length ? element('h4', {}, `Body: ${content.map(([type]) => type).join(', ')}`) : null,
  content.length ? schemaLink(content[0][1].schema) : null,
  element('h4', {}, 'Answers'), responses(operation), tryForm(path, method, operation));
}

function schemaSection(name, schema) {
  return element('section', {id: `schema-${name}`, 'data-text': `${name} schema`.toLowerCase()},
    element('h3', {}, element('a', {href: `#schema-${name}`}, name)),
    schema.description && element('p', {}, ...prose(schema.description)), memberTable(schema),
    schema.examples && element('details', {}, element('summary', {}, 'Example'),
      element('pre', {}, JSON.stringify(schema.examples[0], null, 2))));
}

function render() {
  document.getElementById('about').replaceChildren(
    ...prose(`${doc.info.summary} ${doc.info.description}`), ' ',
    element('a', {href: '/api/openapi.json'}, 'openapi.json'));
  const main = document.getElementById('operations');
  const contents = document.getElementById('contents');
  for (const tag of doc.tags) {
    contents.append(element('h2', {}, tag.name));
    main.append(element('h2', {}, tag.name), element('p', {}, ...prose(tag.description)));
    for (const [path, item] of Object.entries(doc.paths)) {
      for (const method of METHODS.filter((m) => item[m] && item[m].tags.includes(tag.name))) {
        main.append(operationSection(path, method, item[method]));
        contents.append(element('a', {href: `#${item[method].operationId}`},
          element('span', {class: `method ${method}`}, method.toUpperCase()), item[method].summary));
      }
    }
  }
  contents.append(element('h2', {}, 'Schemas'));
  main.append(element('h2', {}, 'Schemas'));
  for (const [name, schema] of Object.entries(doc.components.schemas)) {
    main.append(schemaSection(name, schema));
    contents.append(element('a', {href: `#schema-${name}`}, name));
  }
}

function find(words) {
  for (const section of document.querySelectorAll('main section')) {
    const text = section.dataset.text;
    section.classList.toggle('hidden', !words.every((word) => text.includes(word)));
  }
}

document.getElementById('find').addEventListener('input', (event) => {
  find(event.target.value.toLowerCase().split(' ').filter(Boolean));
});

fetch('/api/openapi.json').then((answer) => answer.json()).then((loaded) => {
  doc = loaded;
  render();
  if (location.hash) document.getElementById(location.hash.slice(1))?.scrollIntoView();
}).catch((error) => { document.getElementById('about').textContent = String(error); });
