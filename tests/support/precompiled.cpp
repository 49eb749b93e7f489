// Empty: its target exists to compile precompiled.hpp.
