"""Types that exist in AWS only, each with the reason why a local run can do without."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

_EDGE = "guards or speeds up traffic from the internet; the local cloud listens on loopback only"
_WATCH = "shows or watches metrics; the local cloud keeps none"
_LOGS = "steers logs between AWS services; local logs are followed with `redress logs`"
_NETWORK = "a network; local functions run on this machine, outside any"
_XRAY = "groups traces; the local cloud keeps none"
_MESSAGES = "sends mail and messages to people; nothing leaves this machine"

CLOUD_ONLY: Final = MappingProxyType(
    {
        "AWS::CloudFront::CachePolicy": _EDGE,
        "AWS::CloudFront::Distribution": _EDGE,
        "AWS::CloudFront::OriginAccessControl": _EDGE,
        "AWS::CloudFront::ResponseHeadersPolicy": _EDGE,
        "AWS::WAFv2::LoggingConfiguration": _EDGE,
        "AWS::WAFv2::WebACL": _EDGE,
        "AWS::WAFv2::WebACLAssociation": _EDGE,
        "AWS::CloudWatch::Alarm": _WATCH,
        "AWS::CloudWatch::AnomalyDetector": _WATCH,
        "AWS::CloudWatch::CompositeAlarm": _WATCH,
        "AWS::CloudWatch::Dashboard": _WATCH,
        "AWS::Logs::MetricFilter": _WATCH,
        "AWS::Logs::QueryDefinition": _LOGS,
        "AWS::Logs::ResourcePolicy": _LOGS,
        "AWS::ApiGateway::Account": _LOGS,
        "AWS::XRay::Group": _XRAY,
        "AWS::XRay::ResourcePolicy": _XRAY,
        "AWS::XRay::SamplingRule": _XRAY,
        "AWS::SNS::Subscription": _MESSAGES,
        "AWS::EC2::RouteTable": _NETWORK,
        "AWS::EC2::SecurityGroup": _NETWORK,
        "AWS::EC2::Subnet": _NETWORK,
        "AWS::EC2::SubnetRouteTableAssociation": _NETWORK,
        "AWS::EC2::VPC": _NETWORK,
        "AWS::EC2::VPCEndpoint": _NETWORK,
    }
)
