#include <iostream>
#include "core/device.h"
#include "core/error.h"
int main() { std::cout << cambium::describe(cambium::cpu_features()) << "\n"; }
