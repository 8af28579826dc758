"""Who reaches the cluster, and what is reached from inside the network."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.tests.written import Templates, write_templates

pytestmark = pytest.mark.contract


def test_who_deploys_may_administer_the_cluster(tmp_path: Path) -> None:
    """By itself only CloudFormation's role may, which no kubectl comes as."""
    role = "arn:aws:iam::111122223333:role/operators"
    templates = write_templates("dev", tmp_path, operatorsRole=role, operatorsCidr="203.0.113.7/32")
    (entry,) = templates.resources("AWS::EKS::AccessEntry").values()
    assert entry["PrincipalArn"] == role
    (policy,) = entry["AccessPolicies"]
    assert policy["AccessScope"] == {"Type": "cluster"}
    assert "cluster-access-policy/AmazonEKSClusterAdminPolicy" in str(policy["PolicyArn"])
    (cluster,) = templates.resources("AWS::EKS::Cluster").values()
    assert cluster["ResourcesVpcConfig"]["PublicAccessCidrs"] == ["203.0.113.7/32"]


def test_whoever_is_in_the_network_reaches_the_endpoints(production: Templates) -> None:
    """Inside it their names lead to them and nowhere else, in public subnets too: the WebRTC worker
    is in those, and puts its audio into Kinesis."""
    (rules,) = (
        group["SecurityGroupIngress"]
        for name, group in production.resources("AWS::EC2::SecurityGroup", "Network").items()
        if "Endpoints" in name
    )
    subnets = production.resources("AWS::EC2::Subnet", "Network")
    assert len(subnets) == 4
    assert {rule["CidrIp"] for rule in rules} == {one["CidrBlock"] for one in subnets.values()}
    assert {rule["ToPort"] for rule in rules} == {443}
