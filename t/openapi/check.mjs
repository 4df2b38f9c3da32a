// node check.mjs ANSWERS DOCUMENT [DOCUMENT…]
// Is each document valid OpenAPI 3.1? And do the answers, a JSON list of { schema, rows }, fit what the first document says
// of them? Prints a line for what is wrong, which begins with the document's or the schema's name.
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const read = (path) => JSON.parse(readFileSync(path, 'utf8'));

async function checkDocument(path) {
  const validator = new Validator();
  const result = await validator.validate(read(path));
  if (!result.valid) console.log(`${path}: ${JSON.stringify(result.errors)}`);
  else if (validator.version !== '3.1') console.log(`${path}: is of version ${validator.version}`);
}

function checkAnswers(document, answers) {
  const ajv = new Ajv({ strict: false, allErrors: true });
  addFormats(ajv);
  // names of OpenAPI's registry that this validator does not know
  ajv.addFormat('int16', { type: 'number', validate: (n) => Number.isInteger(n) && n >= -32768 && n <= 32767 });
  ajv.addFormat('date-time-local', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?$/);
  ajv.addFormat('time-local', /^\d\d:\d\d:\d\d(\.\d+)?$/);
  ajv.addSchema(document, 'document');
  for (const { schema, rows } of answers) {
    const validate = ajv.getSchema(`document#/components/schemas/${schema}`);
    if (!validate) console.log(`${schema}: there is no such schema`);
    else for (const row of rows) if (!validate(row)) console.log(`${schema}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(row)}`);
  }
}

const [answers, ...documents] = process.argv.slice(2);
for (const path of documents) await checkDocument(path);
checkAnswers(read(documents[0]), read(answers));
