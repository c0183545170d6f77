"""The driver as the kubelet finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc

from tests.hostpath.machine import DRIVER_NAME, START_DEADLINE_S, Client

if TYPE_CHECKING:
    from tests.hostpath.machine import Cluster, Driver


def _kubelet(driver: Driver) -> tuple[grpc.Channel, Client]:
    channel = grpc.insecure_channel(f"unix://{driver.registration_socket}")
    grpc.channel_ready_future(channel).result(START_DEADLINE_S)
    return channel, Client(channel, "pluginregistration_pb2")


def test_the_kubelet_is_told_the_driver_and_where_its_socket_is(cluster: Cluster) -> None:
    channel, kubelet = _kubelet(cluster.start())
    with channel:
        told = kubelet.call("GetInfo")
        assert (told.type, told.name, told.endpoint) == ("CSIPlugin", DRIVER_NAME, "/kubelet/sees/csi.sock")
        assert list(told.supported_versions) == ["1.0.0"]
        kubelet.call("NotifyRegistrationStatus", pluginRegistered=True)


def test_a_driver_that_the_kubelet_refuses_ends_with_the_reason(cluster: Cluster) -> None:
    driver = cluster.start()
    channel, kubelet = _kubelet(driver)
    with channel:
        kubelet.call("NotifyRegistrationStatus", pluginRegistered=False, error="not today")
    assert driver.process.wait(START_DEADLINE_S) == 1
    assert "refuses" in driver.log.read_text()
    assert "not today" in driver.log.read_text()


def test_a_restarted_driver_is_found_although_it_was_killed(cluster: Cluster) -> None:
    driver = cluster.start()
    channel, _ = _kubelet(driver)  # it registers after it answers: killed before that, it would leave no socket behind
    channel.close()
    driver.kill()
    assert driver.registration_socket.exists()
    channel, kubelet = _kubelet(cluster.start())
    with channel:
        assert kubelet.call("GetInfo").name == DRIVER_NAME
