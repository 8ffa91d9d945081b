"""Names of carriers as Shopify knows them: of these it makes links by which the buyer follows a parcel.

The whole list is at shopify.dev/docs/api/admin-graphql/2026-10/objects/FulfillmentTrackingInfo; one that is not among
these is passed on, and is shown to the buyer as it is.
"""

from collections.abc import Mapping

# name -> what people call it, in English and in Chinese
CARRIERS: Mapping[str, tuple[str, ...]] = {
    "UPS": ("UPS", "联合包裹"),
    "USPS": ("USPS", "美国邮政"),
    "FedEx": ("FedEx", "联邦快递"),
    "DHL Express": ("DHL Express", "敦豪", "DHL"),
    "DHL eCommerce": ("DHL eCommerce", "敦豪电商"),
    "Canada Post": ("Canada Post", "加拿大邮政"),
    "Royal Mail": ("Royal Mail", "英国皇家邮政"),
    "Evri": ("Evri", "Evri"),
    "DPD": ("DPD", "DPD"),
    "GLS": ("GLS", "GLS"),
    "Deutsche Post": ("Deutsche Post", "德国邮政"),
    "Australia Post": ("Australia Post", "澳大利亚邮政"),
    "Japan Post (EN)": ("Japan Post", "日本邮政"),
    "Yamato (EN)": ("Yamato", "黑猫宅急便"),
    "Sagawa (EN)": ("Sagawa", "佐川急便"),
    "China Post": ("China Post", "中国邮政"),
    "SF Express": ("SF Express", "顺丰速运", "顺丰"),
    "4PX": ("4PX", "递四方"),
    "YunExpress": ("YunExpress", "云途物流"),
    "Yanwen": ("Yanwen", "燕文物流"),
}
