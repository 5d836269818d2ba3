"""Runs inside an environment of its own: the unified SDK against an exchange, one line of JSON with what each method did.

Its streams are asyncio only, so this child is; the program itself has none. Arguments: one JSON object with the exchange's URLs, a
market, two private keys and `ca_file` (empty for plain HTTP). Started by test_exchange_with_unified_client.py.
"""

import asyncio
import dataclasses
import inspect
import json
import sys
import time
from decimal import Decimal

from polymarket import AsyncSecureClient, PriceRequest
from polymarket.environments import PRODUCTION, _create_environment
from polymarket.errors import PolymarketError, RequestRejectedError
from polymarket.streams import MarketSpec, UserSpec

STREAM_S = 10


def environment_of(urls):
    return _create_environment(name="embedded", config=dataclasses.replace(
        PRODUCTION._config, clob_url=urls["rest_url"], gamma_url=urls["gamma_url"], relayer_url=f"{urls['rest_url']}/relayer",
        clob_market_ws_url=f"{urls['ws_url']}/ws/market", clob_user_ws_url=f"{urls['ws_url']}/ws/user",
        rpc_url=f"{urls['rest_url']}/rpc"))


class Scene:
    """`client` trades through its deposit wallet (signature type 3), `other` as a plain EOA (type 0)."""

    def __init__(self, client, other, token, market):
        self.client, self.other, self.token, self.market = client, other, token, market
        self.bought = None

    async def order(self, client=None, **fields):
        client = client or self.client
        fields = {"token_id": self.token, "price": "0.05", "size": 20, "side": "BUY"} | fields
        accepted = await client.post_order(await client.create_limit_order(**fields))
        assert accepted.ok and accepted.status == "live", accepted
        return accepted.order_id

    async def buy(self, dollars):
        """Against an ask of the other's that is put there for it."""
        await self.order(self.other, token_id=self.complement, price="0.4", size=50)
        return await self.client.post_order(await self.client.create_market_order(
            token_id=self.token, side="BUY", amount=dollars, max_price="0.6"))

    async def sell(self, shares):
        """To a bid for the same token: this SDK drops the trades of complementary legs, which carry no side (docs/exchange-clients.md)."""
        await self.order(self.other, price="0.5", size=shares)
        await self.client.post_order(await self.client.create_market_order(
            token_id=self.token, side="SELL", shares=shares, min_price="0.5"))


async def first_page(paginator):
    return (await paginator.first_page()).items


async def cancel_market(s):
    order_id = await s.order()
    assert order_id in (await s.client.cancel_market_orders(market=s.market)).canceled


async def cancel_all(s):
    order_id = await s.order()
    assert order_id in (await s.client.cancel_all()).canceled


async def cancel_one(s):
    order_id = await s.order()
    assert (await s.client.cancel_order(order_id=order_id)).canceled == (order_id,)


async def cancel_some(s):
    order_ids = [await s.order(), "0x" + "1" * 64]
    answer = await s.client.cancel_orders(order_ids=order_ids)
    assert list(answer.canceled) + list(answer.not_canceled) == order_ids


async def batch(s):
    signed = [await s.client.create_limit_order(token_id=s.token, price="0.05", size=size, side="BUY") for size in (20, 1)]
    assert [answer.ok for answer in await s.client.post_orders(signed)] == [True, False]


async def bought(s):
    answer = await s.buy(6)
    assert (answer.status, answer.making_amount, answer.taking_amount) == ("matched", Decimal(6), Decimal(10)), answer
    s.bought = answer


async def settled(s):
    assert await s.client.wait_for_order_fill_settlement(s.bought, timeout_s=STREAM_S)


async def placed(s):
    answer = await s.client.place_limit_order(token_id=s.token, price="0.05", size=20, side="BUY", expiration=int(time.time()) + 3600)
    assert answer.ok


async def placed_market(s):
    await s.order(s.other, token_id=s.complement, price="0.4", size=50)
    answer = await s.client.place_market_order(token_id=s.token, side="BUY", amount=3, order_type="FOK")
    assert answer.ok and answer.taking_amount == 5, answer


async def read_orders(s):
    order_id = await s.order()
    assert order_id in [row.id for row in await first_page(s.client.list_open_orders(market=s.market))]
    assert (await s.client.get_order(order_id=order_id)).status == "LIVE"


async def read_trades(s):
    trades = await first_page(s.client.list_account_trades(id=s.bought.trade_ids[0]))
    assert trades[0].size == 10 and trades[0].maker_orders[0].side == "BUY", trades


async def read_balances(s):
    assert (await s.client.get_balance_allowance(asset_type="COLLATERAL")).balance > 0
    assert (await s.client.get_balance_allowance(asset_type="CONDITIONAL", token_id=s.token)).balance == 10_000_000


async def beat(s):
    first = await s.client.send_order_heartbeat()
    assert (await s.client.send_order_heartbeat(heartbeat_id=first.heartbeat_id)).heartbeat_id != first.heartbeat_id


async def scoring(s):
    order_id = await s.order()
    assert await s.client.get_order_scoring(order_id=order_id) is False


async def dropped(s):
    told = await s.client.get_notifications()
    assert s.bought.order_id in [each.payload.order_id for each in told], told
    await s.client.drop_notifications(ids=[each.id for each in told])
    assert await s.client.get_notifications() == ()


async def streamed(s):
    """An order is seen on the user channel, and its level on the market channel; nothing the venue sent was dropped as unreadable."""
    async with await s.client.subscribe(UserSpec()) as user, await s.client.subscribe(MarketSpec(asset_ids=[s.token])) as market:
        seen = {type(event).__name__ async for event in until(market, "MarketBookEvent")}
        order_id = await s.order(price="0.07")
        seen |= {type(event).__name__ async for event in until(market, "MarketPriceChangeEvent")}
        owned = [event.payload.id async for event in until(user, "UserOrderEvent")]
        await s.sell(5)
        seen |= {type(event).__name__ async for event in until(user, "UserTradeEvent")}
        assert order_id in owned and "UserTradeEvent" in seen, (owned, seen)


async def until(stream, name):
    async with asyncio.timeout(STREAM_S):
        async for event in stream:
            yield event
            if type(event).__name__ == name:
                return


CALLS = {
    "create_limit_order": lambda s: s.client.create_limit_order(token_id=s.token, price="0.05", size=20, side="BUY"),
    "create_market_order": lambda s: s.client.create_market_order(token_id=s.token, side="BUY", amount=5, max_price="0.6"),
    "post_order": bought,
    "post_orders": batch,
    "place_limit_order": placed,
    "wait_for_order_fill_settlement": settled,
    "list_account_trades": read_trades,
    "get_balance_allowance": read_balances,
    "place_market_order": placed_market,
    "estimate_market_price": lambda s: s.client.estimate_market_price(token_id=s.token, side="SELL", shares=5),
    "cancel_order": cancel_one,
    "cancel_orders": cancel_some,
    "cancel_market_orders": cancel_market,
    "cancel_all": cancel_all,
    "list_open_orders": read_orders,
    "get_order": lambda s: read_orders(s),
    "get_order_scoring": scoring,
    "get_orders_scoring": lambda s: s.client.get_orders_scoring(order_ids=["0x1"]),
    "send_order_heartbeat": beat,
    "get_closed_only_mode": lambda s: s.client.get_closed_only_mode(),
    "fetch_api_keys": lambda s: s.client.fetch_api_keys(),
    "get_notifications": lambda s: s.client.get_notifications(),
    "drop_notifications": dropped,
    "get_builder_fee_rates": lambda s: s.client.get_builder_fee_rates("0x" + "ab" * 32),
    "get_order_book": lambda s: s.client.get_order_book(token_id=s.token),
    "get_order_books": lambda s: s.client.get_order_books(token_ids=[s.token]),
    "get_midpoint": lambda s: s.client.get_midpoint(token_id=s.token),
    "get_midpoints": lambda s: s.client.get_midpoints(token_ids=[s.token]),
    "get_price": lambda s: s.client.get_price(token_id=s.token, side="BUY"),
    "get_prices": lambda s: s.client.get_prices(requests=[PriceRequest(s.token, "BUY")]),
    "get_spread": lambda s: s.client.get_spread(token_id=s.token),
    "get_spreads": lambda s: s.client.get_spreads(token_ids=[s.token]),
    "get_last_trade_price": lambda s: s.client.get_last_trade_price(token_id=s.token),
    "get_last_trade_prices": lambda s: s.client.get_last_trade_prices(token_ids=[s.token]),
    "list_builder_trades": lambda s: first_page(s.client.list_builder_trades(builder_code="0x" + "ab" * 32)),
    "list_current_rewards": lambda s: first_page(s.client.list_current_rewards()),
    "get_reward_percentages": lambda s: s.client.get_reward_percentages(),
    "create_builder_api_key": lambda s: s.client.create_builder_api_key(),
    "subscribe": streamed,
    "delete_api_key": lambda s: s.other.delete_api_key(),
}


async def outcome(call, scene):
    try:
        answer = call(scene)
        if inspect.isawaitable(answer):
            await answer
    except RequestRejectedError as refused:
        return "501" if refused.status == 501 else f"refused: {refused}"
    except (PolymarketError, AssertionError, TimeoutError) as failed:
        return f"{type(failed).__name__}: {failed}"
    return "works"


async def main(given):
    environment = environment_of(given)
    async with await AsyncSecureClient.create(private_key=given["keys"][0]["private_key"], environment=environment) as client, \
            await AsyncSecureClient.create(private_key=given["keys"][1]["private_key"], wallet=given["keys"][1]["address"],
                                           environment=environment) as other:
        scene = Scene(client, other, given["tokens"][0], given["market"])
        scene.complement = given["tokens"][1]
        outcomes = {"create": "works"} | {name: await outcome(call, scene) for name, call in CALLS.items()}
        print(json.dumps({"outcomes": outcomes, "wallets": [client.wallet_type, other.wallet_type]}))


asyncio.run(main(json.loads(sys.argv[1])))
