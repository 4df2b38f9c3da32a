// What a frontend writes, compiled against the types of t/47-openapi.t's contracts. Nothing here runs: it is about what
// compiles, and with which types.
import { PostgrestClient } from '@supabase/postgrest-js';
import type { Database, Json } from './database.js';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<T extends true>(): T | void {}

const api = new PostgrestClient<Database>('http://localhost');
const v1 = api.schema('v1');
const v2 = api.schema('v2');

export async function rows() {
  const { data } = await v1.from('products').select('*').gte('price', 10).order('price', { ascending: false }).limit(3);
  same<Same<typeof data, { id: number; name: string; price: number | null; vendor_id: number | null }[] | null>>();
}

export async function columns() {
  const { data, count } = await v1.from('products').select('id, title:name', { count: 'exact' }).range(0, 9);
  same<Same<typeof data, { id: number; title: string }[] | null>>();
  same<Same<typeof count, number | null>>();
}

export async function one() {
  const { data } = await v1.from('vendors').select('name').eq('id', 1).single();
  same<Same<typeof data, { name: string } | null>>();
}

export async function embeds() {
  const byEntity = await v1.from('products').select('id, vendors(name)');
  same<Same<typeof byEntity.data, { id: number; vendors: { name: string } | null }[] | null>>();
  const byName = await v1.from('products').select('id, vendor(name)');
  same<Same<typeof byName.data, { id: number; vendor: { name: string } | null }[] | null>>();
  const back = await v1.from('vendors').select('name, products(id)');
  same<Same<typeof back.data, { name: string; products: { id: number }[] }[] | null>>();
  const single = await v1.from('products').select('id, labels(text)');
  same<Same<typeof single.data, { id: number; labels: { text: string } | null }[] | null>>();
}

export async function hiddenTargets() {
  // product_id is @notNull, but a contract may hide rows that others refer to: an embed is never promised
  const { data } = await v1.from('labels').select('text, products(name)');
  same<Same<typeof data, { text: string; products: { name: string } | null }[] | null>>();
}

export async function acrossVersions() {
  const { data } = await v2.from('products').select('id, vendor_id(name)');
  same<Same<typeof data, { id: number; vendor_id: { name: string } | null }[] | null>>();
}

export async function types() {
  const { data } = await v2.from('products').select('tags, mood, document, "Say hi", order').contains('tags', ['a']);
  type Row = { tags: (string | null)[] | null; mood: Json | null; document: Json | null; order: number | null };
  const rows: (Row | { 'Say hi': boolean | null })[] | null = data;
  return rows;
}

export async function refused() {
  // @ts-expect-error: no contract has this entity
  await v1.from('prodcts').select('*');
  // @ts-expect-error: no such version
  api.schema('v3');
  const unknown = await v1.from('products').select('id, tags');
  // @ts-expect-error: version 1 of the contract has no such column
  unknown.data?.[0].tags;
  // @ts-expect-error: a number is no string
  await v1.from('products').select('id').eq('id', 'one');
  // @ts-expect-error: contracts are read-only
  await v1.from('products').insert({ id: 1, name: 'x' });
}
