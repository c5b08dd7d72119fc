# What components/network.ts and components/machine-virtual.ts make of virtual machines, for OpenTofu; the domains are left off.

variable "uri" {}
variable "prefix" {}
variable "bridge" {}
variable "cidr" {}
variable "pool" {}
variable "image" {} # key, disk, kernel, initrd
variable "payload" {} # key, image
variable "machines" {} # by name: mac, ignition
variable "size" {} # memory and dataDisk in MiB, vcpus
variable "type" {}
variable "cpu" {}
variable "cmdline" {}

terraform {
  required_providers {
    libvirt = {
      source = "dmacvicar/libvirt"
    }
  }
}

provider "libvirt" {
  uri = var.uri
}

locals {
  keys = { for name, machine in var.machines : name => substr(sha256(machine.ignition), 0, 12) }
}

resource "libvirt_network" "network" {
  name      = var.prefix
  mode      = "nat"
  bridge    = var.bridge
  addresses = [var.cidr]
  autostart = true
  dhcp {
    enabled = false
  }
  dns {
    enabled = true
  }
}

resource "libvirt_pool" "pool" {
  name = var.prefix
  type = "dir"
  target {
    path = var.pool
  }
}

resource "libvirt_volume" "base" {
  name   = "base-${var.image.key}"
  pool   = libvirt_pool.pool.name
  source = var.image.disk
  format = "qcow2"
}

resource "libvirt_volume" "kernel" {
  name   = "kernel-${var.image.key}"
  pool   = libvirt_pool.pool.name
  source = var.image.kernel
  format = "raw"
}

resource "libvirt_volume" "initrd" {
  name   = "initrd-${var.image.key}"
  pool   = libvirt_pool.pool.name
  source = var.image.initrd
  format = "raw"
}

resource "libvirt_volume" "payload" {
  name   = "payload-${var.payload.key}"
  pool   = libvirt_pool.pool.name
  source = var.payload.image
  format = "raw"
}

resource "libvirt_ignition" "ignition" {
  for_each = var.machines
  name     = "${each.key}-${local.keys[each.key]}.ign"
  pool     = libvirt_pool.pool.name
  content  = each.value.ignition
}

resource "libvirt_volume" "overlay" {
  for_each       = var.machines
  name           = "${each.key}-${var.image.key}-${local.keys[each.key]}"
  pool           = libvirt_pool.pool.name
  base_volume_id = libvirt_volume.base.id
  format         = "qcow2"
}

resource "libvirt_volume" "data" {
  for_each = var.machines
  name     = "${each.key}-data"
  pool     = libvirt_pool.pool.name
  size     = var.size.dataDisk * 1024 * 1024
  format   = "qcow2"
}

resource "libvirt_volume" "payload_overlay" {
  for_each       = var.machines
  name           = "${each.key}-${libvirt_volume.payload.name}"
  pool           = libvirt_pool.pool.name
  base_volume_id = libvirt_volume.payload.id
  format         = "qcow2"
}

resource "libvirt_domain" "domain" {
  for_each        = var.machines
  name            = each.key
  type            = var.type
  memory          = var.size.memory
  vcpu            = var.size.vcpus
  running         = false
  autostart       = true
  kernel          = libvirt_volume.kernel.id
  initrd          = libvirt_volume.initrd.id
  cmdline         = var.cmdline
  coreos_ignition = libvirt_ignition.ignition[each.key].id
  cpu {
    mode = var.cpu
  }
  dynamic "disk" {
    for_each = [libvirt_volume.overlay, libvirt_volume.data, libvirt_volume.payload_overlay]
    content {
      volume_id = disk.value[each.key].id
    }
  }
  network_interface {
    network_id = libvirt_network.network.id
    mac        = upper(each.value.mac)
  }
  console {
    type        = "pty"
    target_type = "serial"
    target_port = "0"
  }
}
