"""What AWS costs: requests and seconds counted on the emulator, times AWS's list prices."""
