-- $1 pending, delivered, dead, or null for all, $2 only below this sequence, or null, $3 how many at most
select *
  from outbox
 where ($1::text is null
        or $1 = case when delivered_at is not null then 'delivered' when dead_at is not null then 'dead' else 'pending' end)
   and ($2::bigint is null or sequence < $2)
 order by sequence desc
 limit $3::bigint
