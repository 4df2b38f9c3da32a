// What the scripts of t/70-clients.t share: the packages, and TAP. BASE is the server's URL, CLIENTS the folder where npm
// has put the packages.
'use strict';
const assert = require('node:assert');
const { createRequire } = require('node:module');

const base = process.env.BASE;
const load = createRequire(`${process.env.CLIENTS}/package.json`);
let n = 0;

function say(good, name, more) {
    console.log(`${good ? 'ok' : 'not ok'} ${++n} - ${name}`);
    if (!good) console.log(String(more).replace(/^/gm, '# '));
}

// Holds what a promise gives to what is expected: of an object those members that are named, of a list its length and each.
async function expect(name, promise, expected) {
    try {
        const got = await promise;
        assert.deepStrictEqual(part(got, expected), expected);
        say(true, name);
    } catch (e) {
        say(false, name, e.stack ?? e);
    }
}

function part(got, expected) {
    if (Array.isArray(got) && Array.isArray(expected)) return got.map((x, i) => part(x, expected[i]));
    if (got === null || expected === null || typeof got !== 'object' || typeof expected !== 'object') return got;
    if (Array.isArray(got) || Array.isArray(expected)) return got;
    return Object.fromEntries(Object.keys(expected).map((key) => [key, part(got[key], expected[key])]));
}

// Notes which methods of a class are called; the list of those that were not is what it returns later.
function watch(name, prototype) {
    const missed = new Set();
    for (const key of Object.getOwnPropertyNames(prototype)) {
        const { value } = Object.getOwnPropertyDescriptor(prototype, key);
        if (key === 'constructor' || typeof value !== 'function') continue;
        missed.add(`${name}.${key}`);
        prototype[key] = function (...rest) {
            missed.delete(`${name}.${key}`);
            return value.apply(this, rest);
        };
    }
    return missed;
}

function end() {
    console.log(`1..${n}`);
}

module.exports = { base, load, say, expect, watch, end };
