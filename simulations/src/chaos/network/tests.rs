//! Where packets go.

use super::*;

#[test]
fn reads_where_a_packet_goes() {
    let mut packet = [0_u8; 20];
    packet[0] = 0x45;
    packet[DESTINATION].copy_from_slice(&[10, 77, 0, 100]);
    assert_eq!(destination(&packet), Some(DATABASE));
}

#[test]
fn what_is_no_ipv4_packet_goes_nowhere() {
    assert_eq!(destination(&[]), None);
    assert_eq!(destination(&[0x45; 19]), None);
    assert_eq!(destination(&[0x60; 40]), None);
}

#[test]
fn reads_the_destination_whatever_stands_around_it() {
    // A header with options is longer, and its destination stands in the same place.
    for (first, length) in [(0x45, 20), (0x45, 1_500), (0x46, 24), (0x4f, 60)] {
        let mut packet = vec![0xff_u8; length];
        packet[0] = first;
        packet[DESTINATION].copy_from_slice(&[10, 77, 0, 3]);
        let expected = Ipv4Addr::new(10, 77, 0, 3);
        assert_eq!(destination(&packet), Some(expected), "{first:#x}, {length} bytes");
    }
}

#[test]
fn a_host_is_found_by_its_address_alone() {
    for host in Host::all(NODES_MAX) {
        let mut packet = [0_u8; 20];
        packet[0] = 0x45;
        packet[DESTINATION].copy_from_slice(&host.address().octets());
        assert_eq!(destination(&packet), Some(host.address()));
        assert_ne!(host.address(), DATABASE, "the database's is nobody's own");
    }
}

#[test]
fn multicast_and_other_networks_are_no_hosts_of_ours() {
    let all = Host::all(NODES_MAX);
    for address in [[224, 0, 0, 22], [10, 77, 1, 1], [255, 255, 255, 255]] {
        let address = Ipv4Addr::from(address);
        assert!(all.iter().all(|host| host.address() != address));
    }
}
