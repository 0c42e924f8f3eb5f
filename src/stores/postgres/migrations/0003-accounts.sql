-- The operations are functions, so each is one round trip and one transaction: no instance can die, or be
-- stopped, between two statements and keep an account locked. A later version of the program that needs
-- another parameter makes a function of another name: during an upgrade both versions run.

-- The user's account in the period that is current now, locked until the transaction ends; made, or rolled
-- over, where needed. Periods are counted from the start of the stored one, which lies on the grid of the
-- account's first use for as long as nobody resets it.
create function current_account(for_user uuid, period_ms bigint) returns accounts language plpgsql as $$
declare
  account accounts;
  passed  bigint;
begin
  loop
    select * into account from accounts where user_id = for_user for update;
    exit when found;
    insert into accounts (user_id, period_start, used_bytes, version)
      values (for_user, ledger_now(), 0, 1)
      on conflict do nothing
      returning * into account;
    exit when found;
  end loop;

  -- Read after the lock is held: who waited for it must not decide by a time that is over.
  passed := (ledger_now() - account.period_start) / period_ms;
  if passed > 0 then
    update accounts
      set period_start = account.period_start + passed * period_ms, used_bytes = 0, version = version + 1
      where user_id = for_user
      returning * into account;
  end if;
  return account;
end
$$;

create function set_account_limit(for_user uuid, new_limit bigint, period_ms bigint) returns accounts
language plpgsql as $$
declare
  account accounts := current_account(for_user, period_ms);
begin
  update accounts set limit_bytes = new_limit, version = version + 1
    where user_id = for_user
    returning * into account;
  return account;
end
$$;

-- A period that begins now with nothing used. Its start differs from every earlier one, even within the same
-- millisecond: uploads are told apart by the start of the period that counted them.
create function reset_account_period(for_user uuid, period_ms bigint) returns accounts
language plpgsql as $$
declare
  account accounts := current_account(for_user, period_ms);
begin
  update accounts
    set period_start = greatest(ledger_now(), account.period_start + 1), used_bytes = 0, version = version + 1
    where user_id = for_user
    returning * into account;
  return account;
end
$$;
