"""What is asked of Shopify's GraphQL APIs; a test checks each document against the official schemas."""

from countersign.platforms.shopify.answers import MOST_MOVEMENTS, MOST_TRANSACTIONS
from countersign.platforms.shopify.messages import MAX_LINES

MOST_FULFILLMENTS = 50  # of an order
MOST_REFUNDS, MOST_PARTS = 50, 20  # of an order, and movements of money of a refund

_MONEY = "{ presentmentMoney { amount currencyCode } shopMoney { amount currencyCode } }"
_LINE = f"title currentQuantity originalUnitPriceSet {_MONEY}"
_LINES = f"lineItems(first: {MAX_LINES}) {{ nodes {{ {_LINE} }} }}"
_TRANSACTION = f"""
    id kind status gateway processedAt createdAt errorCode test
    amountSet {_MONEY} parentTransaction {{ id }}
"""
_HEAD = f"""
  id name createdAt updatedAt cancelledAt cancelReason test sourceName
  displayFinancialStatus displayFulfillmentStatus paymentGatewayNames
  customAttributes {{ key value }}
  currentTotalPriceSet {_MONEY} totalReceivedSet {_MONEY} totalOutstandingSet {_MONEY} totalCapturableSet {_MONEY}
  {_LINES}
"""
_ORDER = f"{_HEAD} transactions(first: {MOST_TRANSACTIONS + 1}) {{ {_TRANSACTION} }}"
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/orders
ORDERS = f"""query OrdersChanged($first: Int!, $after: String, $query: String!) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{
    nodes {{ {_ORDER} }} pageInfo {{ hasNextPage endCursor }}
  }}
}}"""
# Of a list this would cost more than a query may: it is asked of one order.
_REFUNDS = f"refunds(first: {MOST_REFUNDS}) {{ id note transactions(first: {MOST_PARTS}) {{ nodes {{ id }} }} }}"
ORDER = f"query OneOrder($id: ID!) {{ order(id: $id) {{ {_ORDER} {_REFUNDS} }} }}"
# The list of movements has no pages: of an order that has more than others are asked for, all is read once more.
WHOLE_ORDER = f"""query WholeOrder($id: ID!) {{
  order(id: $id) {{ {_HEAD} movements: transactions(first: {MOST_MOVEMENTS + 1}) {{ {_TRANSACTION} }} }}
}}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/SuggestedRefund
REFUNDABLE = f"""query Refundable($id: ID!) {{
  order(id: $id) {{
    {_ORDER} {_REFUNDS}
    suggestedRefund(suggestFullRefund: true) {{
      suggestedTransactions {{ gateway amountSet {_MONEY} maximumRefundableSet {_MONEY} parentTransaction {{ id }} }}
    }}
  }}
}}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/refundCreate
REFUND = f"""mutation MakeRefund($input: RefundInput!, $key: String!) {{
  refundCreate(input: $input) @idempotent(key: $key) {{
    refund {{ id note transactions(first: {MOST_PARTS}) {{ nodes {{ {_TRANSACTION} }} }} }}
    userErrors {{ field message }}
  }}
}}"""
# Beside the order: what only an instruction asks for.
INSTRUCTABLE = f"""query Instructable($id: ID!) {{
  order(id: $id) {{
    {_ORDER} {_REFUNDS}
    canMarkAsPaid gateways: transactions(first: {MOST_TRANSACTIONS + 1}) {{ kind status manualPaymentGateway }}
  }}
}}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderCapture
CAPTURE = """mutation CaptureOrder($input: OrderCaptureInput!) {
  orderCapture(input: $input) { transaction { id } userErrors { field message } }
}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/transactionVoid
VOID = """mutation VoidTransaction($id: ID!) {
  transactionVoid(parentTransactionId: $id) { transaction { id } userErrors { code field message } }
}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderCancel; money goes back by refunds alone
CANCEL = """mutation CancelOrder(
  $id: ID!, $reason: OrderCancelReason!, $restock: Boolean!, $notify: Boolean!, $note: String
) {
  orderCancel(
    orderId: $id, reason: $reason, restock: $restock, notifyCustomer: $notify, staffNote: $note
    refundMethod: {originalPaymentMethodsRefund: false}
  ) { job { id } orderCancelUserErrors { code field message } }
}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/orderMarkAsPaid
MARK_PAID = """mutation MarkAsPaid($input: OrderMarkAsPaidInput!) {
  orderMarkAsPaid(input: $input) { order { id } userErrors { field message } }
}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/objects/FulfillmentOrder
FULFILLABLE = f"""query Fulfillable($id: ID!) {{
  order(id: $id) {{
    id displayFulfillmentStatus
    fulfillmentOrders(first: 50) {{
      nodes {{ id status supportedActions {{ action }} assignedLocation {{ location {{ id }} }} }}
      pageInfo {{ hasNextPage }}
    }}
    fulfillments(first: {MOST_FULFILLMENTS + 1}) {{ id status createdAt trackingInfo(first: 10) {{ number }} }}
  }}
}}"""
# What is to be sent by one fulfilment order, and what one fulfilment sent: only parcels that say what is in them ask.
GOODS_TO_SEND = """query GoodsToSend($id: ID!, $after: String) {
  fulfillmentOrder(id: $id) {
    lineItems(first: 250, after: $after) {
      nodes { id remainingQuantity lineItem { id } } pageInfo { hasNextPage endCursor }
    }
  }
}"""
GOODS_SENT = """query GoodsSent($id: ID!, $after: String) {
  fulfillment(id: $id) {
    fulfillmentLineItems(first: 250, after: $after) {
      nodes { quantity lineItem { id } } pageInfo { hasNextPage endCursor }
    }
  }
}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/mutations/fulfillmentCreate
FULFIL = """mutation Fulfil($fulfillment: FulfillmentInput!) {
  fulfillmentCreate(fulfillment: $fulfillment) { fulfillment { id } userErrors { field message } }
}"""
ORDER_IDS = """query OrderIds($first: Int!, $after: String, $query: String!) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id updatedAt } pageInfo { hasNextPage endCursor }
  }
}"""
SHOP = "query ThisShop { shop { id myshopifyDomain currencyCode } }"
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/currentAppInstallation
INSTALLATION = """query ThisInstallation {
  shop { id myshopifyDomain } currentAppInstallation { accessScopes { handle } }
}"""
# https://shopify.dev/docs/api/admin-graphql/2026-10/queries/webhookSubscriptions lists those of the shop alone
SUBSCRIPTIONS = """query Subscriptions($after: String) {
  webhookSubscriptions(first: 100, after: $after) { nodes { id topic uri } pageInfo { hasNextPage endCursor } }
}"""
SUBSCRIBE = """mutation Subscribe($topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {
    webhookSubscription { id topic uri } userErrors { field message }
  }
}"""
# https://shopify.dev/docs/api/storefront/2026-10/mutations/cartCreate
CART = """mutation NewCart($input: CartInput!) {
  cartCreate(input: $input) {
    cart { checkoutUrl totalQuantity cost { totalAmount { amount currencyCode } } }
    userErrors { code field message } warnings { code target message }
  }
}"""
# https://shopify.dev/docs/api/usage/bulk-operations/queries: connections have edges there, and are read to their end
_BULK = f"""{{
  orders(query: "%s") {{ edges {{ node {{
    {_ORDER.replace(_LINES, f"lineItems {{ edges {{ node {{ id {_LINE} }} }} }}")}
  }} }} }}
}}"""
START_BULK = """mutation StartBulk($query: String!) {
  bulkOperationRunQuery(query: $query, groupObjects: true) {
    bulkOperation { id status } userErrors { code field message }
  }
}"""
_BULK_STATE = "id status errorCode objectCount rootObjectCount url partialDataUrl query"
BULK = f"query OneBulk($id: ID!) {{ bulkOperation(id: $id) {{ {_BULK_STATE} }} }}"
BULKS = f"""query Bulks {{
  bulkOperations(first: 25, reverse: true, sortKey: CREATED_AT) {{ nodes {{ {_BULK_STATE} }} }}
}}"""


def bulk_of(query: str) -> str:
    """Return the document of a bulk operation over the orders that a query finds."""
    return _BULK % query.replace("\\", "\\\\").replace('"', '\\"')


ADMIN = (
    ORDERS,
    ORDER,
    WHOLE_ORDER,
    REFUNDABLE,
    REFUND,
    INSTRUCTABLE,
    CAPTURE,
    VOID,
    CANCEL,
    MARK_PAID,
    FULFILLABLE,
    GOODS_TO_SEND,
    GOODS_SENT,
    FULFIL,
    ORDER_IDS,
    SHOP,
    INSTALLATION,
    SUBSCRIPTIONS,
    SUBSCRIBE,
    START_BULK,
    BULK,
    BULKS,
    bulk_of("updated_at:>='2026-01-01T00:00:00Z'"),
)
STOREFRONT = (CART,)
