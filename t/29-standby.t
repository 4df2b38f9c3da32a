# Responders on a hot standby: nobody tells them anything and their leases are known to the standby alone. A change that would
# take away what they read is refused all the same, by their names.
use strict;
use warnings;
use JSON::PP ();
use Oriel::Release;
use Oriel::Test;
use Test::More;

my $s      = release_stack();
my $change = $Oriel::Release::Change;
# ---- a standby ----

$s->sql(q{INSERT INTO dp.vendor (id, client, external_id, name, raw_batch, raw_line) VALUES (1, 'acme', 'V', 'V', 1, 1);
    INSERT INTO dp.product (id, client, external_id, vendor_id, name, price, raw_batch, raw_line) VALUES (1, 'acme', 'P', 1, 'Saw', 1.25, 1, 1)});
my $elsewhere = $s->{db}->standby('standby');

sub caught_up {
    my $at = $s->sql('SELECT pg_current_wal_lsn()');
    wait_until { $elsewhere->sql("SELECT pg_last_wal_replay_lsn() >= '$at'") eq 't' } 'the standby to have caught up';
}

is($elsewhere->sql('SELECT pg_is_in_recovery()'), 't', 'it follows');

# ---- responders on it, nginx before them ----

sub configuration {
    my ($of, %more) = @_;
    return JSON::PP->new->canonical->encode({ %{ JSON::PP->new->decode(read_file($of)) }, %more });
}

sub serve {
    my ($release) = @_;
    write_file("$s->{folder}/responders.json", configuration($s->{$release}, database => $elsewhere->conninfo));
    kill 'HUP', $s->pid('responders') if $s->{children}->is_running('responders');
}

sub leases { my ($view) = @_; return $elsewhere->sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = hashtext('$view')::bigint & 4294967295") }

serve('old');
$s->spawn_responders('responders', $s->{fcgi}, '-c', "$s->{folder}/responders.json", '-n', 2);
$s->start('nginx');
wait_until { leases('v_products_v1') == 2 } 'both responders to hold their leases';
is($s->get('/v1/products?select=name,price')->{body}, '[{"name":"Saw","price":1.25}]', 'they serve from the standby');

# ---- the change ----

write_file($s->{new}, configuration($s->{new}, standbys => [$elsewhere->conninfo]));

sub oriel { my ($code, $out, $err) = run_command("$s->{build}/oriel", '-c', $s->{new}, @_); return "$code $out$err" }

my $reader = qr/"oriel-fcgi \S+ \(\d of \d contracts\)" \(local at standby \Q$elsewhere->{socket}\E, since \d{4}-\S+ \S+, pid \d+\)/;

my ($code, $out, $err) = run_command("$s->{build}/oriel", '-c', $s->{old}, 'readers');
like("$code $out$err", qr/^0 .*\(nobody\).*1 servers replicate from this one, and "standbys" in oriel\.json names 0/s, 'who is not named is not seen, which is told');
like(oriel('readers'), qr/^0 contract .*\n(?:v_\w+_v1 +oriel-fcgi .*local at standby .*\n){6}\z/, 'oriel readers shows those of a standby that is named');
like(oriel('change', 'plan', $change), qr/^0 .*v_products_v1: successor_changed.*\n(?: +read by oriel-fcgi [^\n]*local at standby [^\n]*\n){2}/s, 'so does the plan');

is(oriel('change', 'expand', $change), "0 expanded $change\n", 'expand');
caught_up();
serve('new');
# as many leases on version 1: those of the release before, which do not know version 2, answer no more
wait_until { leases('v_products_v2') == 2 && leases('v_products_v1') == 2 } 'responders of the new release to read version 2';
is($s->get('/v2/products?select=name,price_cents')->{body}, '[{"name":"Saw","price_cents":125}]', 'which they serve');
like(oriel('change', 'revert', $change), qr/^1 (?:.*refused: v_products_v2 is read by $reader\n){2}.*nothing was changed/s, 'revert is refused, by name');
like(oriel('change', 'fill', $change), qr/^0 filled $change: 1 rows/, 'fill');
like(oriel('change', 'prove', $change), qr/^0 .*proved/s, 'prove');
like(oriel('change', 'brownout', $change, '--for', '10ms'), qr/^0 .*the grant is back/s, 'brown-out');
like(oriel('change', 'contract', $change), qr/^1 (?:.*refused: v_products_v1 is read by $reader\n){2}\z/, 'contract is refused, by name');

next_release($s);
serve('next');
wait_until { leases('v_products_v1') == 0 && leases('v_products_v2') == 2 } 'responders of the release after';
is($elsewhere->stop, 0, 'the standby goes');
like(oriel('change', 'contract', $change), qr/^1 .*cannot connect to database "oriel" on host "\Q$elsewhere->{socket}\E"/s, 'contract is refused: it cannot be asked');
is($s->sql("SELECT count(*) FROM pg_class WHERE relname = 'v_products_v1'"), 1, 'nothing was dropped');
$elsewhere->start;
wait_until { leases('v_products_v2') == 2 } 'the responders to come back by themselves';
like(oriel('change', 'contract', $change), qr/^0 .*\ncontracted $change\n/s, 'contract');
caught_up();
is($s->get('/v2/products?select=name,price_cents')->{body}, '[{"name":"Saw","price_cents":125}]', 'version 2 is served, from the other column');
is($s->get('/v1/products')->{status}, 404, 'version 1 is gone');
like(read_file("$s->{folder}/log/responders.log"), qr/this server takes no LISTEN \(a standby does not\); contracts are looked at every 30 s/, 'the responders know where they are');

is($s->stop('nginx'), 0, 'nginx ended well');
is($s->stop('responders'), 0, 'responders ended well');
is($elsewhere->stop, 0, 'the standby ended well');
$s->finish;
done_testing;
