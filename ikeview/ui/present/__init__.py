"""ui/present"""
