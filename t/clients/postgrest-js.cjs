// @supabase/postgrest-js, unmodified: every method that reads, what the server says to those that it does not serve, and
// what the client does then.
'use strict';
const { base, load, say, expect, watch, end } = require('./tap.cjs');
const postgrest = load('@supabase/postgrest-js');
const { PostgrestClient } = postgrest;

// Every class that the package has; a method that no line below calls fails the test, so a new version brings its own.
const watched = Object.entries(postgrest).filter(([name, value]) => /^Postgrest/.test(name) && value.prototype)
    .map(([name, value]) => watch(name, value.prototype));

const v1 = new PostgrestClient(`${base}/v1`);
const root = new PostgrestClient(base, { schema: 'v2' });
const books = (columns = 'id', options) => v1.from('books').select(columns, options);
const ids = async (query) => {
    const { data, error } = await query.order('id');
    return error ? `${error.code} ${error.message}` : data.map((row) => row.id);
};

const filters = [
    ['eq', (q) => q.eq('title', 'Oak'), [1]],
    ['eq, with all that a URL escapes', (q) => q.eq('title', 'Say "hi", (ok): 100% & more'), [4]],
    ['eq inside JSON', (q) => q.eq('data->k', 2), [2]],
    ['eq of text inside JSON', (q) => q.eq('data->>s', 'x y'), [1]],
    ['neq', (q) => q.neq('id', 1), [2, 3, 4]],
    ['gt', (q) => q.gt('price', 10.5), [2]],
    ['gte', (q) => q.gte('price', 10.5), [1, 2]],
    ['lt', (q) => q.lt('price', 10.5), [4]],
    ['lte', (q) => q.lte('price', 10.5), [1, 4]],
    ['gte of a time', (q) => q.gte('published', '2027-02-01T00:00:00+01:00'), [2, 3]],
    ['like', (q) => q.like('title', '%oak%'), [3]],
    ['ilike', (q) => q.ilike('title', '%OAK%'), [1, 3]],
    ['likeAllOf', (q) => q.likeAllOf('title', ['%oak%', '%steel%']), [3]],
    ['likeAnyOf', (q) => q.likeAnyOf('title', ['Oak%', 'Steel%']), [1, 2]],
    ['ilikeAllOf', (q) => q.ilikeAllOf('title', ['%OAK%', '%STEEL%']), [3]],
    ['ilikeAnyOf', (q) => q.ilikeAnyOf('title', ['oak%', 'say%']), [1, 3, 4]],
    ['regexMatch', (q) => q.regexMatch('title', '^O'), [1]],
    ['regexIMatch', (q) => q.regexIMatch('title', '^o'), [1, 3]],
    ['is null', (q) => q.is('in_print', null), [4]],
    ['is true', (q) => q.is('in_print', true), [1, 2]],
    ['is false', (q) => q.is('in_print', false), [3]],
    ['isDistinct', (q) => q.isDistinct('price', 20), [1, 3, 4]],
    ['in', (q) => q.in('id', [1, 3, 9]), [1, 3]],
    ['in, of texts with commas', (q) => q.in('title', ['Oak', 'x, (y)', 'a:b']), [1]],
    ['in, of nothing', (q) => q.in('id', []), []],
    ['notIn', (q) => q.notIn('id', [1, 2]), [3, 4]],
    ['contains, an array', (q) => q.contains('tags', ['wood']), [1, 3]],
    ['contains, JSON', (q) => q.contains('data', { k: 1 }), [1]],
    ['contains, a range', (q) => q.contains('sold', '[2,3)'), [1]],
    ['containedBy, an array', (q) => q.containedBy('tags', ['wood', 'old', 'new']), [1, 4]],
    ['containedBy, JSON', (q) => q.containedBy('data', { k: 1, s: 'x y', more: 0 }), [1]],
    ['overlaps, an array', (q) => q.overlaps('tags', ['metal', 'old']), [1, 2, 3]],
    ['overlaps, a range', (q) => q.overlaps('sold', '[4,6)'), [1, 2]],
    ['rangeGt', (q) => q.rangeGt('sold', '[1,5)'), [2, 3]],
    ['rangeGte', (q) => q.rangeGte('sold', '[5,6)'), [2, 3]],
    ['rangeLt', (q) => q.rangeLt('sold', '[5,10)'), [1]],
    ['rangeLte', (q) => q.rangeLte('sold', '[5,10)'), [1, 2]],
    ['rangeAdjacent', (q) => q.rangeAdjacent('sold', '[5,6)'), [1]],
    ['textSearch', (q) => q.textSearch('words', "'oak' & 'steel'"), [3]],
    ['textSearch, plain', (q) => q.textSearch('words', 'oak steel', { type: 'plain' }), [3]],
    ['textSearch, phrase', (q) => q.textSearch('words', 'quick oak', { type: 'phrase' }), [1]],
    ['textSearch, websearch', (q) => q.textSearch('words', 'oak or beams', { type: 'websearch' }), [1, 2, 3]],
    ['textSearch, a configuration', (q) => q.textSearch('words', 'oaks', { config: 'english' }), [1, 3]],
    ['textSearch, of text', (q) => q.textSearch('title', 'steel', { type: 'plain', config: 'simple' }), [2, 3]],
    ['match', (q) => q.match({ author_id: 1, in_print: true }), [1, 2]],
    ['not', (q) => q.not('price', 'is', null), [1, 2, 4]],
    ['not in', (q) => q.not('id', 'in', '(1,2)'), [3, 4]],
    ['or', (q) => q.or('id.eq.1,title.eq.Steel'), [1, 2]],
    ['or, nested', (q) => q.or('price.lt.6,and(id.gt.1,in_print.is.true)'), [2, 4]],
    ['or, quoted', (q) => q.or('title.eq."Say \\"hi\\", (ok): 100% & more",title.like.O*'), [1, 4]],
    ['filter', (q) => q.filter('id', 'in', '(1,3)'), [1, 3]],
    ['several filters', (q) => q.gt('id', 1).lt('id', 4).eq('in_print', true), [2]],
    ['a column whose name wants quotes', (q) => q.eq('"shelf no"', 7), [2]],
];

const rows = [
    ['select()', () => books('id,title').order('id').limit(1), { data: [{ id: 1, title: 'Oak' }], status: 200, count: null }],
    ['select(*)', () => v1.from('places').select(), { data: [{ country: 'de', number: 1, name: 'Berlin' }, { country: 'fr', number: 1, name: 'Paris' }] }],
    ['alias, cast, JSON', () => books('nr:id,price::text,data->k,s:data->>s').eq('id', 1), { data: [{ nr: 1, price: '10.50', k: 1, s: 'x y' }] }],
    ['select over several lines', () => books(`id,\n    title`).eq('id', 2), { data: [{ id: 2, title: 'Steel' }] }],
    ['types', () => books('price,in_print,tags,data,sold,published').eq('id', 2), {
        data: [{ price: 20, in_print: true, tags: ['metal'], data: { k: 2 }, sold: '[5,10)', published: '2027-02-01T00:00:00+00:00' }],
    }],
    ['order', () => books().order('price', { ascending: false, nullsFirst: false }), { data: [{ id: 2 }, { id: 1 }, { id: 4 }, { id: 3 }] }],
    ['order, several', () => books().order('author_id', { nullsFirst: true }).order('id', { ascending: false }), { data: [{ id: 4 }, { id: 2 }, { id: 1 }, { id: 3 }] }],
    ['order by JSON', () => books().order('data->k', { nullsFirst: false }).limit(2), { data: [{ id: 1 }, { id: 2 }] }],
    ['limit', () => books().order('id').limit(2), { data: [{ id: 1 }, { id: 2 }] }],
    ['range', () => books().order('id').range(1, 2), { data: [{ id: 2 }, { id: 3 }], status: 200 }],
    ['range beyond the end', () => books('id', { count: 'exact' }).range(10, 20), { data: null, status: 416, error: { code: 'PGRST103' } }],
    ['count: exact', () => books('id', { count: 'exact' }).order('id').limit(1), { data: [{ id: 1 }], count: 4, status: 206 }],
    ['count: planned', () => books('id', { count: 'planned' }).limit(1), { count: 4, status: 206 }],
    ['count: estimated', () => books('id', { count: 'estimated' }).limit(1), { count: 4, status: 206 }],
    ['head', () => books('*', { head: true, count: 'exact' }), { data: null, error: null, count: 4, status: 200 }],
    ['head without count', () => books('*', { head: true }), { data: null, error: null, count: null, status: 200 }],
    ['single', () => books('title').eq('id', 1).single(), { data: { title: 'Oak' }, status: 200 }],
    ['single of none', () => books().eq('id', 9).single(), { data: null, status: 406, error: { code: 'PGRST116', details: 'The result contains 0 rows' } }],
    ['single of several', () => books().single(), { data: null, status: 406, error: { code: 'PGRST116' } }],
    ['maybeSingle', () => books('title').eq('id', 1).maybeSingle(), { data: { title: 'Oak' }, error: null }],
    ['maybeSingle of none', () => books().eq('id', 9).maybeSingle(), { data: null, error: null }],
    ['maybeSingle of several', () => books().maybeSingle(), { data: null, error: { code: 'PGRST116' } }],
    ['csv', () => books('id,title,price').lte('id', 3).order('id').csv(), { data: 'id,title,price\r\n1,Oak,10.50\r\n2,Steel,20.00\r\n3,oak and steel,\r\n', status: 200 }],
    ['stripNulls', () => books('id,price').gte('id', 3).order('id').stripNulls(), { data: [{ id: 3 }, { id: 4, price: 5 }] }],
    ['stripNulls, single', () => books('id,price').eq('id', 3).stripNulls().single(), { data: { id: 3 } }],
    ['throwOnError without one', () => books().eq('id', 1).throwOnError(), { data: [{ id: 1 }] }],
    ['schema', () => root.from('books').select('id,name').eq('id', 1), { data: [{ id: 1, name: 'Oak' }] }],
    ['schema()', () => root.schema('v1').from('books').select('id,title').eq('id', 1), { data: [{ id: 1, title: 'Oak' }] }],
    ['a schema that is not there', () => root.schema('v9').from('books').select(), { status: 406, error: { code: 'PGRST106' } }],
    ['setHeader', () => books('published').eq('id', 2).setHeader('Prefer', 'timezone=Europe/Berlin'), { data: [{ published: '2027-02-01T01:00:00+01:00' }] }],
    ['overrideTypes', () => books().eq('id', 1).overrideTypes(), { data: [{ id: 1 }] }],
    ['returns', () => books().eq('id', 1).returns(), { data: [{ id: 1 }] }],
    ['select behind a filter', () => books().eq('id', 1).select('title'), { data: [{ title: 'Oak' }] }],
    ['returns, of a builder', () => postgrest.PostgrestBuilder.prototype.returns.call(books().eq('id', 1).single()), { data: { id: 1 } }],
    ['single, counted', () => books('id', { count: 'exact' }).eq('id', 1).single(), { data: { id: 1 }, count: 1 }],
    ['maybeSingle, counted', () => books('id', { count: 'exact' }).eq('id', 1).maybeSingle(), { data: { id: 1 }, count: 1 }],
    ['head of none', () => books('*', { head: true, count: 'exact' }).eq('id', 9), { data: null, error: null, count: 0, status: 200 }],
    ['csv of none', () => books('id,title').eq('id', 9).csv(), { data: 'id,title\r\n' }],
    ['rollback', () => books().eq('id', 1).rollback(), { data: [{ id: 1 }] }],
    ['maxAffected', () => books().eq('id', 1).maxAffected(1), { data: [{ id: 1 }] }],
];

const authors = (columns, options) => v1.from('authors').select(columns, options).order('id');
const embeds = [
    ['to one', () => books('id,authors(name)').gte('id', 3).order('id'), { data: [{ id: 3, authors: { name: 'Ben' } }, { id: 4, authors: null }] }],
    ['to many', () => authors('name,books(id)').order('id', { referencedTable: 'books' }), {
        data: [{ name: 'Ada', books: [{ id: 1 }, { id: 2 }] }, { name: 'Ben', books: [{ id: 3 }] }],
    }],
    ['an alias and the column as hint', () => books('writer:authors!author_id(name)').eq('id', 1).single(), { data: { writer: { name: 'Ada' } } }],
    ['by the name of the relationship', () => books('id,by:author!inner(name)').eq('by.name', 'Ben'), { data: [{ id: 3, by: { name: 'Ben' } }] }],
    ['inner', () => books('id,authors!inner(name)', { count: 'exact' }).order('id'), { data: [{ id: 1 }, { id: 2 }, { id: 3 }], count: 3 }],
    ['inner, filtered', () => books('id,authors!inner(name)').eq('authors.name', 'Ben'), { data: [{ id: 3, authors: { name: 'Ben' } }] }],
    ['filtered', () => authors('id,books(id)').gt('books.price', 15), { data: [{ id: 1, books: [{ id: 2 }] }, { id: 2, books: [] }] }],
    ['or', () => authors('id,books(id)').or('id.eq.1,id.eq.3', { referencedTable: 'books' }), { data: [{ books: [{ id: 1 }] }, { books: [{ id: 3 }] }] }],
    ['order and limit', () => authors('books(id)').order('id', { referencedTable: 'books', ascending: false }).limit(1, { referencedTable: 'books' }), {
        data: [{ books: [{ id: 2 }] }, { books: [{ id: 3 }] }],
    }],
    ['range', () => authors('books(id)').order('id', { referencedTable: 'books' }).range(1, 1, { referencedTable: 'books' }), { data: [{ books: [{ id: 2 }] }, { books: [] }] }],
    ['order, limit and or, as they were called once', () => authors('books(id)').or('id.eq.1,id.gt.1', { foreignTable: 'books' })
        .order('id', { foreignTable: 'books', ascending: false }).limit(1, { foreignTable: 'books' }), { data: [{ books: [{ id: 2 }] }, { books: [{ id: 3 }] }] }],
    ['range, as it was called once', () => authors('books(id)').order('id', { foreignTable: 'books' }).range(1, 1, { foreignTable: 'books' }), { data: [{ books: [{ id: 2 }] }, { books: [] }] }],
    ['or over what is embedded', () => books('id,authors()').or('authors.is.null,price.gt.15').order('id'), { data: [{ id: 2 }, { id: 4 }] }],
    ['left', () => books('id,authors!left(name)').eq('authors.name', 'Ben').gte('id', 2).order('id'), { data: [{ authors: null }, { authors: { name: 'Ben' } }, { authors: null }] }],
    ['spread of several', () => authors('name,...books(titles:title)').order('id', { referencedTable: 'books' }).limit(1), { data: [{ name: 'Ada', titles: ['Oak', 'Steel'] }] }],
    ['of an alias, whose name is a column', () => books('id,by:author_id(name)').is('author_id', null), { data: [{ id: 4, by: null }] }],
    ['stripped of nulls', () => books('id,price,authors(name)').gte('id', 3).order('id').stripNulls(), { data: [{ id: 3, authors: { name: 'Ben' } }, { id: 4, price: 5 }] }],
    ['order by what is embedded', () => books('id,authors(name)').order('authors(name)', { ascending: false, nullsFirst: false }).order('id'), {
        data: [{ id: 3 }, { id: 1 }, { id: 2 }, { id: 4 }],
    }],
    ['spread', () => books('id,...authors(name)').order('id').limit(1), { data: [{ id: 1, name: 'Ada' }] }],
    ['those without', () => books('id,authors()').is('authors', null), { data: [{ id: 4 }] }],
    ['those with', () => books('id,authors()').not('authors', 'is', null).order('id'), { data: [{ id: 1 }, { id: 2 }, { id: 3 }] }],
    ['within an embed', () => books('id,authors(name,books(id))').eq('id', 3), { data: [{ authors: { books: [{ id: 3 }] } }] }],
    ['CSV', () => books('id,authors(name)').eq('id', 3).csv(), { data: 'id,authors\r\n3,"{""name"":""Ben""}"\r\n' }],
];

const errors = [
    ['an embed that is not there', () => books('id,places(name)'), 400, 'PGRST200', undefined],
    ['a limit of what is not embedded', () => books().limit(1, { referencedTable: 'authors' }), 400, 'PGRST108', undefined],
    ['an order of what is not embedded', () => books().order('name', { referencedTable: 'authors' }), 400, 'PGRST108', undefined],
    ['a filter of what is not embedded', () => books().eq('authors.name', 'x'), 400, 'PGRST108', undefined],
    ['an order by several', () => authors('id,books(id)').order('books(id)'), 400, 'PGRST118', undefined],
    ['a column that is not there', () => books('titel'), 400, '42703', 'Perhaps you meant to reference the column "books.title".'],
    ['a filter of a column that is not there', () => books().eq('nothing', 1), 400, '42703', null],
    ['a contract that is not there', () => v1.from('book').select(), 404, 'PGRST205', "Perhaps you meant '/v1/books' or '/v2/books'."],
    ['a value that does not fit', () => books().eq('id', 'x'), 400, '22P02', null],
    ['no operator', () => books().filter('id', 'same', 1), 400, 'PGRST100', undefined],
    ['half a tree', () => books().or('id.eq.1,and(id.eq.2'), 400, 'PGRST100', undefined],
    ['a time zone that is not there', () => books().setHeader('Prefer', 'timezone=Mars'), 400, '22023', undefined],
];

// What PostgREST does and Oriel does not, and what it says: a contract is read, nothing else; the rest is not there yet.
const not_served = [
    ['an aggregate', () => books('price.sum()'), 400, 'PGRST123'],
    ['explain', () => books().explain(), 406, 'PGRST107'],
    ['explain as JSON', () => books().explain({ format: 'json', analyze: true }), 406, 'PGRST107'],
    ['geojson', () => books().geojson(), 406, 'PGRST107'],
    ['insert', () => v1.from('books').insert({ id: 9 }), 405, 'PGRST117'],
    ['upsert', () => v1.from('books').upsert({ id: 1 }), 405, 'PGRST117'],
    ['update', () => v1.from('books').update({ id: 9 }).eq('id', 1), 405, 'PGRST117'],
    ['delete', () => v1.from('books').delete().eq('id', 1), 405, 'PGRST117'],
    ['insert by profile', () => root.from('books').insert({ id: 9 }), 405, 'PGRST117'],
    ['rpc', () => v1.rpc('now'), 404, 'PGRST202'],
    ['rpc by GET', () => v1.rpc('now', {}, { get: true }), 404, 'PGRST202'],
    ['rpc by profile', () => root.rpc('now'), 404, 'PGRST202'],
];

// What the client makes of a right answer, or of a right question, by itself; the same as with PostgREST.
const its_own = [
    ['in, of texts with quotes and commas: it does not escape the quotes', () => books().in('title', ['a "b", (c)']), { status: 400, error: { code: 'PGRST100' } }],
    ['HEAD of what is not there: it takes 404 without a body for 204', () => v1.from('book').select('*', { head: true }), { data: null, error: null, status: 204 }],
];

async function reading() {
    for (const [name, filter, expected] of filters) await expect(name, ids(filter(books())), expected);
    for (const [name, query, expected] of rows) await expect(name, query(), expected);
    for (const [name, query, expected] of embeds) await expect(`embeds: ${name}`, query(), expected);
    for (const [name, query, status, code, hint] of errors)
        await expect(`error: ${name}`, query(), { data: null, status, error: { code, ...(hint !== undefined && { hint }) } });
    for (const [name, query, status, code] of not_served) await expect(`not served: ${name}`, query(), { data: null, status, error: { code } });
    for (const [name, query, expected] of its_own) await expect(`its own: ${name}`, query(), expected);
    const { error } = await books('titel');
    await expect('an error has all four keys', Promise.resolve(Object.keys(error).sort()), ['code', 'details', 'hint', 'message']);
    await expect('what is not served is told in words', v1.from('books').insert({ id: 9 }), { error: { message: 'Unsupported HTTP method: POST', details: null, hint: null } });
    await expect('and so is a function', v1.rpc('now'), { error: { message: 'Could not find the function v1.now in the schema cache', details: 'Contracts are served; functions are not.' } });
    const thrown = await books('titel').throwOnError().then(() => null, (e) => e);
    await expect('what is thrown is JSON too', Promise.resolve(JSON.parse(JSON.stringify(thrown))), { code: '42703', name: 'PostgrestError', details: null });
    await expect('a client that always throws', books('titel').eq('id', 1).throwOnError().single().then(() => 'nothing was thrown', (e) => e.code), '42703');
    await expect('throwOnError', books('titel').throwOnError().then(() => 'nothing was thrown', (e) => e), { code: '42703', name: 'PostgrestError' });
}

// A view that takes minutes: when the client gives up, its query is cancelled (t/70-clients.t looks), and whoever asks next
// is answered.
async function aborting() {
    const controller = new AbortController();
    const slow = v1.from('naps').select().abortSignal(controller.signal);
    setTimeout(() => controller.abort(), 300);
    await expect('abort', slow, { data: null, status: 0, error: { hint: 'Request was aborted (timeout or manual cancellation)' } });
    await expect('after it', books('title').eq('id', 1), { data: [{ title: 'Oak' }] });
    await expect('a time limit', v1.from('naps').select().abortSignal(AbortSignal.timeout(200)).retry(false), { data: null, status: 0 });
    await expect('one of the client', new PostgrestClient(`${base}/v1`, { timeout: 200, retry: false }).from('naps').select(), { data: null, status: 0 });
    await expect('after these', books('title').eq('id', 2), { data: [{ title: 'Steel' }] });
}

// t/70-clients.t takes the responders or the database away before this, and brings them back when the client was refused
// twice. On a busy machine that may take longer than the client's own three tries; then it asks anew.
async function retrying(code) {
    let asked = 0, again = 0;
    const counting = (url, options) => { asked++; again += 'X-Retry-Count' in options.headers; return fetch(url, options); };
    const patient = new PostgrestClient(`${base}/v1`, { fetch: counting });
    await expect('without retries 503 is an error', books().retry(false), { data: null, status: 503, error: { code } });
    const began = Date.now();
    let got, queries = 0;
    do {
        got = await patient.from('books').select('title').eq('id', 1);
        queries++;
    } while (got.status === 503 && queries < 20);
    await expect('it is answered in the end', Promise.resolve(got), { data: [{ title: 'Oak' }], status: 200 });
    say(again > 0 && asked === queries + again, 'because it tried again by itself', `${asked} requests, ${again} again, ${queries} queries`);
    say(Date.now() - began >= again * 1000, 'and waited each time for what Retry-After says', `${Date.now() - began} ms, ${again} times`);
}

function completeness() {
    const missed = watched.flatMap((list) => [...list]);
    say(!missed.length, 'each method of the package was called', missed.join(' '));
}

const parts = { reading: () => reading().then(aborting).then(completeness), retrying };
parts[process.argv[2]](...process.argv.slice(3)).then(end);
