-- $1 age in ms, $2 how many at most
delete from outbox
 where sequence in (
   select sequence from outbox
    where delivered_at is not null and created_at < (select ledger_now() - $1::bigint)
    order by created_at
    limit $2::bigint
 )
returning id
